"""Partitions of models, and cut plans, which say where a model is cut and what crosses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

Features = Tensor | tuple[Tensor, ...]
"""Features that cross a cut: one tensor, or a tuple where several are live."""

INPUT, OUTPUT = "input", "output"
ANY = -1
"""A length that depends on the picture."""


@dataclass(frozen=True)
class LiveTensor:
    """A tensor that crosses the cut, or one of the model's answer.

    Attributes:
        name: dotted path of the operation that makes it, or of its place in the answer.
        shape: its shape for one picture; dimension 0 is the batch, here 1. A length is `ANY` where it may differ.
        dtype: its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class CutPlan:
    """Plan of a cut: where the model is cut, and what crosses.

    Attributes:
        cut: canonical path of the point: the module (for a container its last block) or operation that runs last in the
            head, or ``input``. Every name of the point gives this one: ``layer2``, ``L8`` and ``layer2.1``.
        alias: the papers' name of the point (``L8``), empty where it has none.
        tensors: those that cross, in order.
        outputs: the tensors of the model's answer, in its order.
        input_shape: shape of one picture, 1×C×H×W, that the plan was made with.
    """

    cut: str
    alias: str
    tensors: tuple[LiveTensor, ...]
    outputs: tuple[LiveTensor, ...]
    input_shape: tuple[int, ...]

    @property
    def live(self) -> tuple[str, ...]:
        """Names of the tensors that cross."""
        return tuple(tensor.name for tensor in self.tensors)

    @property
    def output(self) -> LiveTensor | None:
        """The model's answer; None where it is a structure of tensors."""
        return self.outputs[0] if [output.name for output in self.outputs] == [OUTPUT] else None


@dataclass(frozen=True, eq=False)
class Partition:
    """A model cut in two.

    Head and tail share the model's parameters; nothing is copied, so move the model to its device first. For any batch
    of pictures of the plan's size ``tail(head(x))`` equals ``model(x)`` to the bit, also when the features are copied
    in between. The tail does not change the features that it is given.

    Attributes:
        head: N×C×H×W to features: a tensor, or a tuple where the plan has several.
        tail: what the head returned, to the model's output.
        plan: where the cut is.
    """

    head: fx.GraphModule
    tail: nn.Module
    plan: CutPlan


def as_tuple(features: Features) -> tuple[Tensor, ...]:
    """The tensors of features, in the plan's order."""
    return (features,) if isinstance(features, Tensor) else tuple(features)


def as_features(tensors: Sequence[Tensor]) -> Features:
    """Features as a tail takes them: the inverse of `as_tuple`."""
    return tensors[0] if len(tensors) == 1 else tuple(tensors)
