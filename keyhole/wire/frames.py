"""What a receiver of frames expects, and the check of every frame against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from keyhole.v1 import inference_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.errors import invalid, unmet
from keyhole.wire.packed import PackedFrame
from keyhole.wire.tensors import AnyTensor, ExpectedTensor, unpack

FRAME_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Frame ids end up in file names."""

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


def validate(frame: AnyFrame, expectation: Expectation, *, share: bool = False) -> tuple[Tensor, ...]:
    """Check a frame and decode its tensors.

    Args:
        frame: what came.
        expectation: what it must be.
        share: leave the numbers in the frame's memory where that can be. A tap may hold that memory too, so nothing may
            write into the tensors: make a batch of them, also of one, with ``torch.cat``, which copies.

    Returns:
        The live tensors in the plan's order, on the CPU, in memory of their own unless shared.

    Raises:
        WireError: FAILED_PRECONDITION where the frame is meant for another target, model or cut; INVALID_ARGUMENT where
            it is wrong in itself. The field and what was expected are named.
    """
    header = frame.header
    if not FRAME_ID.fullmatch(header.frame_id):
        raise invalid(
            "header.frame_id",
            f"expected a non-empty id of up to 128 letters, digits and . _ -, got {header.frame_id!r}",
        )
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
        unpack(tensor, field=f"tensors[{index}]", expected=expected, codecs=expectation.codecs, share=share)
        for index, (tensor, expected) in enumerate(zip(tensors, expectation.tensors, strict=True))
    )
