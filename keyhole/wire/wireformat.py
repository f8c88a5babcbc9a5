"""Just enough of protobuf's wire format to move payloads without copying them.

A protobuf message is the concatenation of its fields, so a large ``bytes`` field can be joined to the others, which the
protobuf library serialised, and found again in the bytes received (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from functools import lru_cache

from keyhole.wire.codecs import Payload

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}
_MAX_SHIFT = 63


class MalformedError(ValueError):
    """Bytes that are no protobuf message."""


@lru_cache
def varint(value: int) -> bytes:
    """A non-negative integer in base 128, least significant group first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def tag(number: int) -> bytes:
    """What a length-delimited field begins with, before its length."""
    return varint(number << 3 | _BYTES)


def bytes_field(number: int, *parts: Payload) -> list[Payload]:
    """A length-delimited field whose content is the parts joined."""
    return [tag(number) + varint(sum(map(len, parts))), *parts]


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
    try:
        while at < end:
            start = at
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = _read(data, start)
            if key & 7 == _BYTES:
                length = data[at]
                content = at + 1
                if length > 0x7F:
                    length, content = _read(data, at)
                at = content + length
            else:
                content, at = at, _skip(data, at, key & 7)
            if at > end:
                raise MalformedError(f"the field at byte {start} ends at byte {at} of {end}")
            if key == wanted:
                taken.append(data[content:at])
            else:
                rest.append(data[start:at])
    except IndexError as error:
        raise MalformedError(f"the message ends within the field at byte {start}") from error
    return b"".join(rest), taken


def _skip(data: memoryview, at: int, kind: int) -> int:
    """The position after a field that is not length-delimited, from that after its key."""
    if kind == _VARINT:
        return _read(data, at)[1]
    if kind in _FIXED_SIZE:
        return at + _FIXED_SIZE[kind]
    raise MalformedError(f"wire type {kind} before byte {at}")


def _read(data: memoryview, at: int) -> tuple[int, int]:
    """An integer of one to ten bytes, and the position after it."""
    value = shift = 0
    while (group := data[at]) > 0x7F:
        value |= (group & 0x7F) << shift
        shift += 7
        at += 1
        if shift > _MAX_SHIFT:
            raise MalformedError(f"an integer of more than ten bytes before byte {at}")
    return value | group << shift, at + 1
