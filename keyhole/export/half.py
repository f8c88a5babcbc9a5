"""The half of a split model that is exported: what it takes, what it answers, and on what it is tried."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keyhole.export.settings import Part
from keyhole.nn.nested_tensors import named_tensors
from keyhole.partition import CutPlan, Features, LiveTensor, Partition, as_features, as_tuple
from keyhole.partition.plan import INPUT, OUTPUT
from keyhole.service.errors import UsageError
from keyhole.sizes import height_width
from keyhole.targets import Preprocess, Target

FORMULA = "((x + 2·y + 85·c) mod 256) / 255, c = 0, 1, 2 for red, green, blue; x to the right, y down"
"""The picture whose features' digest is in a file, as `formula_picture` makes it."""
_OTHERS = 2


class ExportError(UsageError):
    """A half that cannot be exported, or whose file answers otherwise; the message says why."""


@dataclass(frozen=True)
class Port:
    """A tensor that a half takes or answers with.

    Attributes:
        name: its name in the file.
        stands_for: the operation of the model that makes it, or its place in the answer.
        shape: of one picture's, without the batch.
        dtype: its type, ``float32``.
    """

    name: str
    stands_for: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Half:
    """A head or a tail.

    Attributes:
        part: which of them.
        module: it. A head takes pictures N×3×H×W, normalised, and a tail the features of the cut.
        inputs: what it takes, in order.
        outputs: what it answers with, in order.
        trials: inputs of one picture, that of `FORMULA`, and of several; several tensors where several are live.
        plan: of the cut.
    """

    part: Part
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    trials: tuple[Features, ...]
    plan: CutPlan

    def answers(self, trial: Features) -> tuple[Tensor, ...]:
        """The tensors of the half's answer, in order."""
        with torch.no_grad():
            return tuple(named_tensors(self.module(trial)).values())


def half_of(target: Target, partition: Partition, part: Part) -> Half:
    """One half of a target that is cut.

    Raises:
        ExportError: nothing runs in it, or the length of its answer depends on the picture.
    """
    plan = partition.plan
    graph = getattr(partition.head if part == "head" else partition.tail, "graph", None)
    if graph and not any(node.op.startswith("call") for node in graph.nodes):
        raise ExportError(f"nothing runs in the {part} of {target.name} cut at {plan.cut}: cut elsewhere")
    pictures = tuple(map(target.preprocess.normalise, _pictures(target.preprocess)))
    features = ports("features", plan.tensors)
    if part == "head":
        return Half(part, partition.head, (_picture_port(plan),), features, pictures, plan)
    with torch.no_grad():
        crossing = tuple(_apart(partition.head(trial)) for trial in pictures)
    return Half(part, partition.tail, features, _answer(target, partition, crossing), crossing, plan)


def _answer(target: Target, partition: Partition, trials: Sequence[Features]) -> tuple[Port, ...]:
    """Ports of the model's answer.

    Raises:
        ExportError: it is not a tensor, or several, with one entry of the same shape for each picture.
    """
    with torch.no_grad():
        one, several = (named_tensors(partition.tail(trial)) for trial in trials)
    seen = [LiveTensor(name or OUTPUT, (1, *tensor.shape[1:]), tensor.dtype) for name, tensor in one.items()]
    expected = {name: (1 + _OTHERS, *tensor.shape[1:]) for name, tensor in one.items()}
    if {name: tuple(tensor.shape) for name, tensor in several.items()} != expected:
        raise ExportError(
            f"the tail of {target.name} cannot be exported: it answers with {', '.join(one)}, of as many things as a "
            "picture shows, not with one entry of a fixed shape for each picture. Its head can (--parts head)"
        )
    return ports("answer", seen)


def ports(name: str, tensors: Sequence[LiveTensor]) -> tuple[Port, ...]:
    """Ports of tensors, numbered where there are several."""
    names = [name] if len(tensors) == 1 else [f"{name}_{place}" for place in range(len(tensors))]
    return tuple(
        Port(own, tensor.name, tensor.shape[1:], str(tensor.dtype).removeprefix("torch."))
        for own, tensor in zip(names, tensors, strict=True)
    )


def _picture_port(plan: CutPlan) -> Port:
    return Port("pictures", INPUT, plan.input_shape[1:], "float32")


def formula_picture(preprocess: Preprocess) -> Tensor:
    """The picture of `FORMULA`, 1×3×H×W in [0, 1]."""
    height, width = height_width(preprocess.size)
    colour, down, right = (torch.arange(length) for length in (3, height, width))
    sums = right + 2 * down.view(-1, 1) + 85 * colour.view(-1, 1, 1)
    return (sums % 256).float()[None] / 255


def _pictures(preprocess: Preprocess) -> tuple[Tensor, Tensor]:
    """Pictures in [0, 1]: that of the formula alone, and after others, which are noise."""
    one = formula_picture(preprocess)
    noise = torch.rand(_OTHERS, *one.shape[1:], generator=torch.Generator().manual_seed(0))
    return one, torch.cat((noise, one))


def _apart(features: Features) -> Features:
    """Features as they come over a wire: copies, laid out in their own order."""
    return as_features([tensor.clone(memory_format=torch.contiguous_format) for tensor in as_tuple(features)])


def digest(tensors: Sequence[Tensor]) -> str:
    """SHA-256, in hexadecimal, of the numbers of tensors, one after the other, as they lie in memory in order."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().contiguous().numpy().tobytes())
    return found.hexdigest()
