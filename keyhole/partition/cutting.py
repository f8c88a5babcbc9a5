"""Cuts of a model: the graphs of head and tail, and the proof that they make the whole."""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from keyhole.nn.nested_tensors import named_tensors
from keyhole.partition.errors import CutError
from keyhole.partition.liveness import (
    Liveness,
    TensorLayout,
    carried,
    carried_shape,
    layout_of,
    layouts_of,
    liveness_at,
    pack,
    unpack,
)
from keyhole.partition.model_survey import Survey, is_number, survey
from keyhole.partition.plan import ANY, OUTPUT, CutPlan, LiveTensor, Partition, as_features, as_tuple
from keyhole.partition.shape_propagation import PROBE, SeenTensor
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
    found = liveness_at(surveyed, index)
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
    if isinstance(whole, Tensor) and isinstance(seen, SeenTensor):
        return (LiveTensor(OUTPUT, carried_shape(seen, layout_of(OUTPUT, seen)), seen.dtype),)
    named = named_tensors(whole).items()
    return tuple(LiveTensor(name or OUTPUT, (ANY,) * tensor.dim(), tensor.dtype) for name, tensor in named)


def build_head(survey: Survey, crossing: Liveness, layouts: Sequence[TensorLayout]) -> fx.GraphModule:
    """The graph up to the cut, every operation of it in order, so that what works in place still does."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    inside = set(crossing.head)
    for node in crossing.head:
        if node.op == "get_attr" and inside.isdisjoint(node.users):
            continue
        copies[node] = graph.node_copy(node, copies.__getitem__)
    tensors = [
        copies[node] if layout.plain else graph.call_function(pack, (copies[node], layout.batch, layout.share))
        for node, layout in zip(crossing.live, layouts, strict=True)
    ]
    graph.output(tensors[0] if len(tensors) == 1 else tuple(tensors))
    return survey.module(graph, "Head")


def build_tail(
    survey: Survey, crossing: Liveness, layouts: Sequence[TensorLayout], overwritten: Collection[int]
) -> fx.GraphModule:
    """The graph after the cut.

    Args:
        overwritten: the live tensors, by place, that the tail changes in place and must copy first.
    """
    tail = _Tail(survey, crossing)
    tail.receive(layouts, overwritten)
    for node in crossing.tail:
        if node not in crossing.numbers:
            tail.copy(node)
    (output,) = (node for node in survey.graph.nodes if node.op == "output")
    tail.graph.output(fx.map_arg(output.args[0], tail.find))
    return survey.module(tail.graph, "Tail")


class _Tail:
    """A graph that grows, and how the whole model's nodes are called in it."""

    def __init__(self, survey: Survey, crossing: Liveness) -> None:
        self.graph = fx.Graph()
        self._survey = survey
        self._crossing = crossing
        self._found: dict[fx.Node, Any] = {}
        self._received: list[fx.Node] = []
        self._batch: fx.Node | None = None

    def receive(self, layouts: Sequence[TensorLayout], overwritten: Collection[int]) -> None:
        """Take the features apart, and bring each tensor into the form that it had."""
        features = self.graph.placeholder("features")
        single = len(layouts) == 1
        for place, (node, layout) in enumerate(zip(self._crossing.live, layouts, strict=True)):
            tensor = features if single else self.graph.call_function(operator.getitem, (features, place))
            self._received.append(tensor)
            if place in overwritten:
                tensor = self.graph.call_method("clone", (tensor,))
            if not layout.plain:
                tensor = self.graph.call_function(unpack, (tensor, layout.batch, layout.share, layout.order))
            self._found[node] = tensor

    def copy(self, node: fx.Node) -> fx.Node:
        """Repeat a node of the whole model."""
        copied = self.graph.node_copy(node, self.find)
        self._found[node] = copied
        return copied

    def find(self, node: fx.Node) -> Any:
        """The value of a node of the whole model: received, made again from parameters, or worked out."""
        if node not in self._found:
            value = self._survey.value(node)
            self._found[node] = self._number(value) if is_number(value) else self.copy(node)
        return self._found[node]

    def _number(self, value: Any) -> Any:
        """A length, as a multiple of the batch size, or the device."""
        if isinstance(value, torch.device):
            return self.graph.call_function(getattr, (self._received[0], "device"))
        if self._batch is None:
            self._batch = self.graph.call_method("size", (self._received[0], 0))
        share = value // PROBE
        return self._batch if share == 1 else self.graph.call_function(operator.mul, (self._batch, share))


def prove(surveyed: Survey, parts: Partition, whole: Any, *, together: bool = True) -> list[int]:
    """Check that the parts answer as the model does, to the bit, with features that came as bytes.

    Args:
        surveyed: the whole.
        parts: head and tail of it.
        whole: the whole's answer to the survey's example.
        together: whether the features of a batch are known to be those of its pictures, one after the other; if not,
            that is checked too.

    Returns:
        The places of the features that the tail changed in place.

    Raises:
        CutError: they do not; the message says what the model does.
    """
    example = surveyed.example
    with torch.inference_mode(False), torch.no_grad():
        try:
            overwritten = _compare(parts, example, whole)
        except CutError:
            raise
        except Exception as error:
            raise CutError(f"head and tail at {parts.plan.cut} cannot be run: {error}") from error
        if overwritten is None:
            raise CutError(f"head and tail at {parts.plan.cut} do not make the whole model: {_why(surveyed, whole)}")
        if not together and not _side_by_side(parts, example):
            raise CutError(f"the features at {parts.plan.cut} mix the pictures of a batch: cut before or after it")
    return overwritten


def _compare(parts: Partition, example: Tensor, whole: Any) -> list[int] | None:
    """The places of the features that the tail changed in place; None where its answer is another."""
    overwritten: set[int] = set()
    features = as_tuple(parts.head(example.clone()))
    _check_shapes(parts, features)
    forms = [tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in features)]
    if not all(tensor.is_contiguous() for tensor in features):
        forms.append(features)
    for form in forms:
        versions = [tensor._version for tensor in form]
        if not same_bits(parts.tail(as_features(form)), whole):
            return None
        overwritten |= {place for place, tensor in enumerate(form) if tensor._version != versions[place]}
    return sorted(overwritten)


def _why(surveyed: Survey, whole: Any) -> str:
    """Why head and tail differ from the whole model."""
    if not same_bits(surveyed.model(surveyed.example.clone()), whole):
        return "it is random in eval mode, or remembers what it was given before"
    if not same_bits(surveyed.module(surveyed.graph)(surveyed.example.clone()), whole):
        return "what it computes depends on the batch size, or on something besides its operations"
    return "it writes in place to a tensor that is seen under two names after the cut; cut elsewhere"


def same_bits(left: Any, right: Any) -> bool:
    """Whether two answers (tensors or structures of tensors) are equal to the bit."""
    ours, theirs = named_tensors(left), named_tensors(right)
    return ours.keys() == theirs.keys() and all(map(_same, ours.values(), theirs.values()))


def _same(left: Tensor, right: Tensor) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return torch.equal(*(tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (left, right)))


def _check_shapes(parts: Partition, features: tuple[Tensor, ...]) -> None:
    shapes = tuple(tuple(tensor.shape) for tensor in features)
    expected = tuple(tensor.shape for tensor in parts.plan.tensors)
    if shapes != expected:
        raise CutError(f"the head at {parts.plan.cut} yields {shapes} for one picture, expected {expected}")


def _side_by_side(parts: Partition, example: Tensor) -> bool:
    pictures = (example, example.flip(-1))
    both = as_tuple(parts.head(torch.cat(pictures)))
    each = [as_tuple(parts.head(picture)) for picture in pictures]
    return all(
        torch.allclose(tensor, torch.cat(alone), rtol=1e-3, atol=1e-4)
        for tensor, *alone in zip(both, *each, strict=True)
    )
