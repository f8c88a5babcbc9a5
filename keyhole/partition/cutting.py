"""Cut a model in two, and prove that the parts make the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from keyhole.nn.nesting import named_tensors
from keyhole.partition.building import build_head, build_tail
from keyhole.partition.layout import carried, carried_shape, layout_of, layouts_of
from keyhole.partition.liveness import crossing
from keyhole.partition.measuring import Seen
from keyhole.partition.plan import ANY, OUTPUT, CutPlan, LiveTensor, Partition
from keyhole.partition.proof import prove
from keyhole.partition.surveying import Survey, survey
from keyhole.partition.tracing import TRACING

if TYPE_CHECKING:
    from keyhole.targets import Target


def split(model: nn.Module | Target, cut: str, example: Tensor | None = None) -> Partition:
    """Cut ``model`` after the point that ``cut`` names.

    The model is put in eval mode. Its parameters are shared, not copied.

    Args:
        model: a module that takes a batch of pictures, or a target.
        cut: dotted path of a module or an operation, an alias (``L8``), ``input`` (nothing runs in the head) or
            ``output`` (everything does). A container such as ``layer2`` is cut after its last block.
        example: pictures, N×C×H×W, of the size that the model is used with; without one noise of the target's size, or
            3×224×224 for a module.

    Raises:
        CutError: no such point, or the model cannot be cut there.

    >>> import torchvision
    >>> parts = split(torchvision.models.resnet18(), "L8")
    >>> parts.plan.cut, parts.plan.tensors[0].shape
    ('layer2.1', (1, 128, 28, 28))
    """
    with TRACING:
        return cut_at(survey(model, example), cut)


def cut_at(surveyed: Survey, cut: str) -> Partition:
    """`split`, for several cuts of a model that is surveyed once.

    Raises:
        CutError: no such point, or the model cannot be cut there.
    """
    index = surveyed.index(cut)
    found = crossing(surveyed, index)
    layouts = layouts_of(surveyed, found)
    head = build_head(surveyed, found, layouts)
    tail = build_tail(surveyed, found, layouts, ())
    with torch.inference_mode(False), torch.no_grad():
        whole = surveyed.model(surveyed.example.clone())
    plan = CutPlan(
        cut=surveyed.name(index),
        alias=surveyed.aliases.get(index, ""),
        tensors=carried(surveyed, found),
        outputs=_outputs(surveyed, whole),
        input_shape=tuple(surveyed.example.shape),
    )
    parts = Partition(head, tail, plan)
    together = all(layout.share == 1 for layout in layouts)
    overwritten = prove(surveyed, parts, whole, together=together)
    if overwritten:
        parts = Partition(head, build_tail(surveyed, found, layouts, overwritten), plan)
        prove(surveyed, parts, whole, together=together)
    return parts


def _outputs(surveyed: Survey, whole: Any) -> tuple[LiveTensor, ...]:
    (output,) = (node for node in surveyed.graph.nodes if node.op == "output")
    seen = surveyed.value(output.args[0]) if isinstance(output.args[0], fx.Node) else None
    if isinstance(whole, Tensor) and isinstance(seen, Seen):
        return (LiveTensor(OUTPUT, carried_shape(seen, layout_of(OUTPUT, seen)), seen.dtype),)
    named = named_tensors(whole).items()
    return tuple(LiveTensor(name or OUTPUT, (ANY,) * tensor.dim(), tensor.dtype) for name, tensor in named)
