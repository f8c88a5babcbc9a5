"""What a receiver of frames expects, and the check of every frame against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from keyhole.v1 import inference_pb2
from keyhole.wire.codecs import CODECS
from keyhole.wire.errors import invalid, unmet
from keyhole.wire.packed import PackedFrame
from keyhole.wire.tensors import AnyTensor, ExpectedTensor, unpack

AnyFrame = inference_pb2.Frame | PackedFrame


@dataclass(frozen=True)
class Expectation:
    """The frames that a cloud can finish.

    Attributes:
        target: name of the model.
        model_hash: hash of the whole model's weights.
        cut: canonical path of the cut.
        tensors: the live tensors of the cut, in the plan's order, each with a batch of one.
        codecs: codecs accepted, values of the proto's enum.
    """

    target: str
    model_hash: str
    cut: str
    tensors: tuple[ExpectedTensor, ...]
    codecs: frozenset[int] = frozenset(CODECS)


def validate(frame: AnyFrame, expectation: Expectation) -> tuple[Tensor, ...]:
    """Check a frame and decode its tensors.

    Returns:
        The live tensors in the plan's order, on the CPU. They may share the frame's memory, which a tap may hold too:
        copy them before anything writes into them, as ``torch.cat`` does when it makes a batch.

    Raises:
        WireError: FAILED_PRECONDITION where the frame is meant for another target, model or cut; INVALID_ARGUMENT where
            it is wrong in itself. The field and what was expected are named.
    """
    header = frame.header
    if not header.frame_id:
        raise invalid("header.frame_id", "expected a non-empty id")
    for name in ("target", "model_hash", "cut"):
        wanted, got = getattr(expectation, name), getattr(header, name)
        if got != wanted:
            raise unmet(
                f"header.{name}", f"expected {wanted!r}, got {got!r}; run edge and cloud with the same model flags"
            )
    tensors: Sequence[AnyTensor] = frame.tensors
    if len(tensors) != len(expectation.tensors):
        names = ", ".join(tensor.name for tensor in expectation.tensors)
        raise invalid("tensors", f"expected {len(expectation.tensors)} ({names}), got {len(tensors)}")
    return tuple(
        unpack(tensor, field=f"tensors[{index}]", expected=expected, codecs=expectation.codecs, share=True)
        for index, (tensor, expected) in enumerate(zip(tensors, expectation.tensors, strict=True))
    )
