"""Just enough of protobuf's wire format to move payloads without copying them.

A protobuf message is the concatenation of its fields, so a large ``bytes`` field can be joined to the others, which the
protobuf library serialised, and found again in the bytes received (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from keyhole.wire.codecs import Payload

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT = 10


class MalformedError(ValueError):
    """Bytes that are no protobuf message."""


def varint(value: int) -> bytes:
    """A non-negative integer in base 128, least significant group first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def bytes_field(number: int, *parts: Payload) -> list[Payload]:
    """A length-delimited field whose content is the parts joined."""
    return [varint(number << 3 | _BYTES) + varint(sum(map(len, parts))), *parts]


def varint_field(number: int, value: int) -> bytes:
    """An integer field."""
    return varint(number << 3 | _VARINT) + varint(value)


def take(data: memoryview, number: int) -> tuple[bytes, list[memoryview]]:
    """Take one length-delimited field out of a message.

    Returns:
        The rest of the message, for the protobuf library to parse, and each occurrence's content, as views.

    Raises:
        MalformedError: the bytes are no message.
    """
    rest: list[memoryview] = []
    taken: list[memoryview] = []
    wanted = number << 3 | _BYTES
    at, end = 0, len(data)
    while at < end:
        start = at
        tag, content = _read_varint(data, at)
        content, at = _content(data, content, tag & 7)
        if at > end:
            raise MalformedError(f"the field at byte {start} ends at byte {at} of {end}")
        if tag == wanted:
            taken.append(data[content:at])
        else:
            rest.append(data[start:at])
    return b"".join(rest), taken


def _content(data: memoryview, at: int, kind: int) -> tuple[int, int]:
    """Start and end of a field's content, from the byte after its tag."""
    if kind == _BYTES:
        length, start = _read_varint(data, at)
        return start, start + length
    if kind == _VARINT:
        return at, _read_varint(data, at)[1]
    if kind in _FIXED_SIZE:
        return at, at + _FIXED_SIZE[kind]
    raise MalformedError(f"wire type {kind} before byte {at}")


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """An integer and the position after it."""
    value = shift = 0
    for group in data[at : at + _MAX_VARINT]:
        at += 1
        value |= (group & 0x7F) << shift
        if group < 0x80:
            return value, at
        shift += 7
    raise MalformedError(f"no integer before byte {at}")
