"""Frames and answers with their payloads beside the message, and the validation of every frame.

The bytes are those of the proto's ``Frame`` and ``Answer``, so that any gRPC client or server understands them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from keyhole.v1 import inference_pb2, tap_pb2, tensor_pb2
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.codecs import Payload
from keyhole.wire.errors import invalid, unmet
from keyhole.wire.tensors import (
    AnyTensor,
    ExpectedTensor,
    MalformedError,
    PackedTensor,
    bytes_field,
    pack_view,
    tag,
    take,
    unpack,
    varint,
    varint_field,
)

_FRAME_HEADER = inference_pb2.Frame.HEADER_FIELD_NUMBER
_FRAME_TENSORS = inference_pb2.Frame.TENSORS_FIELD_NUMBER
_ANSWER_OUTPUTS = inference_pb2.Answer.OUTPUTS_FIELD_NUMBER
_TAPPED_FRAME = tap_pb2.TappedFrame.FRAME_FIELD_NUMBER
_TAPPED_DROPPED = tap_pb2.TappedFrame.DROPPED_FIELD_NUMBER
_PADDING_TAG = tag(tensor_pb2.Tensor.PADDING_FIELD_NUMBER)
_PAYLOAD_TAG = tag(tensor_pb2.Tensor.PAYLOAD_FIELD_NUMBER)
_ALIGNMENT = 16
_CACHED_HEAD = 256
"""Bytes of the longest tensor head that is remembered; ours are shorter, longer ones are someone's padding."""


@dataclass(frozen=True)
class PackedFrame:
    """A ``Frame``; the attributes are named as in the proto."""

    header: inference_pb2.FrameHeader
    tensors: tuple[PackedTensor, ...]

    @property
    def payload_bytes(self) -> int:
        """Bytes of all payloads, headers not counted."""
        return sum(len(tensor.payload) for tensor in self.tensors)

    def to_wire(self) -> bytes:
        """The serialised ``Frame``; one copy of the payloads."""
        return b"".join(self._parts())

    def to_tapped(self, dropped: int) -> bytes:
        """The serialised ``TappedFrame`` that holds this frame; one copy of the payloads."""
        return b"".join([*bytes_field(_TAPPED_FRAME, *self._parts()), varint_field(_TAPPED_DROPPED, dropped)])

    def message(self) -> inference_pb2.Frame:
        """The message of the proto; copies the payloads."""
        return inference_pb2.Frame(header=self.header, tensors=[tensor.message() for tensor in self.tensors])

    @classmethod
    def from_wire(cls, data: bytes | memoryview) -> PackedFrame:
        """Read a serialised ``Frame``; the payloads are views of ``data``.

        Raises:
            WireError: INVALID_ARGUMENT, the bytes are no ``Frame``.
        """
        try:
            rest, tensors = take(memoryview(data), _FRAME_TENSORS)
            header = inference_pb2.Frame.FromString(rest).header
            return cls(header, tuple(map(_read_tensor, tensors)))
        except (MalformedError, DecodeError) as error:
            raise invalid("frame", f"expected a serialised keyhole.v1.Frame: {error}") from error

    def _parts(self) -> list[Payload]:
        return _with_tensors(bytes_field(_FRAME_HEADER, self.header.SerializeToString()), _FRAME_TENSORS, self.tensors)


@dataclass(frozen=True)
class PackedAnswer:
    """An ``Answer``; the attributes are named as in the proto."""

    frame_id: str
    outputs: tuple[PackedTensor, ...]
    times: inference_pb2.CloudTimes = field(default_factory=inference_pb2.CloudTimes)
    batch: int = 1

    @property
    def payload_bytes(self) -> int:
        """Bytes of all payloads, headers not counted."""
        return sum(len(output.payload) for output in self.outputs)

    def to_wire(self) -> bytes:
        """The serialised ``Answer``; one copy of the payloads."""
        head = inference_pb2.Answer(frame_id=self.frame_id, times=self.times, batch=self.batch)
        return b"".join(_with_tensors([head.SerializeToString()], _ANSWER_OUTPUTS, self.outputs))

    @classmethod
    def from_wire(cls, data: bytes | memoryview) -> PackedAnswer:
        """Read a serialised ``Answer``; the payloads are views of ``data``.

        Raises:
            WireError: INVALID_ARGUMENT, the bytes are no ``Answer``.
        """
        try:
            rest, outputs = take(memoryview(data), _ANSWER_OUTPUTS)
            head = inference_pb2.Answer.FromString(rest)
            return cls(head.frame_id, tuple(map(_read_tensor, outputs)), head.times, head.batch)
        except (MalformedError, DecodeError) as error:
            raise invalid("answer", f"expected a serialised keyhole.v1.Answer: {error}") from error


def pack_frame(header: inference_pb2.FrameHeader, tensors: Sequence[Tensor], codec: int) -> PackedFrame:
    """Encode a frame's live tensors; leave them alone until the frame is sent.

    Args:
        header: what the frame is.
        tensors: the live tensors of the cut in the plan's order, each with a batch of one.
        codec: value of the proto's enum.

    >>> from keyhole.wire.codec_registry import codec_named
    >>> features = torch.ones(1, 2, 4)
    >>> frame = pack_frame(inference_pb2.FrameHeader(frame_id="edge-0-1"), [features], codec_named("int8"))
    >>> frame.payload_bytes  # a byte a number, and a scale of four bytes for each channel
    16
    >>> torch.equal(unpack(PackedFrame.from_wire(frame.to_wire()).tensors[0], field="tensors[0]"), features)
    True
    """
    return PackedFrame(header, tuple(pack_view(tensor, codec) for tensor in tensors))


def _with_tensors(parts: list[Payload], number: int, tensors: Sequence[PackedTensor]) -> list[Payload]:
    for tensor in tensors:
        parts += _tensor_field(number, tensor, sum(map(len, parts)))
    return parts


def _tensor_field(number: int, tensor: PackedTensor, at: int) -> list[Payload]:
    """A tensor as a field that starts at byte ``at`` of its message, padded so that the payload is aligned there."""
    head, payload = _written_head(tensor.shape, tensor.dtype, tensor.codec), tensor.payload
    opening = _PAYLOAD_TAG + varint(len(payload))
    length = len(head) + 2 + len(opening) + len(payload)
    padding = -(at + 1 + len(varint(length)) + length - len(payload)) % _ALIGNMENT
    lead = (tag(number), varint(length + padding), head, _PADDING_TAG, bytes([padding]), bytes(padding))
    return [*lead, opening, payload]


def _read_tensor(data: memoryview) -> PackedTensor:
    rest, payloads = take(data, tensor_pb2.Tensor.PAYLOAD_FIELD_NUMBER)
    read = _read_head if len(rest) <= _CACHED_HEAD else _read_head.__wrapped__
    return PackedTensor(*read(rest), payloads[-1] if payloads else b"")


@lru_cache
def _written_head(shape: tuple[int, ...], dtype: int, codec: int) -> bytes:
    return PackedTensor(shape, dtype, codec, b"").head().SerializeToString()


@lru_cache
def _read_head(data: bytes) -> tuple[tuple[int, ...], int, int]:
    tensor = PackedTensor.of(tensor_pb2.Tensor.FromString(data), b"")
    return tensor.shape, tensor.dtype, tensor.codec


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


class _PlannedTensor(Protocol):
    """A tensor as a plan describes it: for one picture."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> torch.dtype: ...


def expected_tensors(planned: Iterable[_PlannedTensor]) -> tuple[ExpectedTensor, ...]:
    """What a receiver expects where a plan says what is sent: the live tensors of a cut, or a model's answer."""
    return tuple(ExpectedTensor(tensor.name, tensor.shape, tensor.dtype) for tensor in planned)


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
