"""The numbers and texts of a message, whatever its kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from keyhole.v1.referee_pb2 import Box, Point
from keyhole.wire.errors import invalid

LONGEST, MOST = 128, 32
_INTEGERS = 2**63
_SIGNED = (Box, Point)
"""Messages whose numbers may be negative."""


def check_fields(message: Message, path: str = "") -> None:
    """Refuse what no database holds, in any field of a message and of the messages in it; drop fields of no name.

    Bytes are left to whoever reads them.

    Args:
        message: as it came.
        path: where it stands in the request, for the error.

    Raises:
        WireError: INVALID_ARGUMENT: a number is not finite, or negative where it is no place in a picture; an integer
            has more than 63 bits; a text has a NUL or more than 128 characters; a list or map more than 32 entries.
    """
    message.DiscardUnknownFields()
    signed = isinstance(message, _SIGNED)
    for field, value in message.ListFields():
        _check(value, f"{path}.{field.name}" if path else field.name, signed=signed)


def _check(value: Any, path: str, *, signed: bool) -> None:
    if isinstance(value, Message):
        check_fields(value, path)
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        _check_number(value, path, signed=signed)
    elif isinstance(value, int):
        if not -_INTEGERS <= value < _INTEGERS:
            raise invalid(path, f"{value}: expected less than 2^63")
    elif isinstance(value, Mapping):
        _check_length(len(value), path)
        for key, entry in value.items():
            _check(key, f"{path}, a key", signed=signed)
            _check(entry, f"{path}[{key!r}]", signed=signed)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        _check_length(len(value), path)
        for at, entry in enumerate(value):
            _check(entry, f"{path}[{at}]", signed=signed)


def _check_number(value: float, path: str, *, signed: bool) -> None:
    if not math.isfinite(value) or (value < 0 and not signed):
        raise invalid(path, f"{value}: expected a finite number{'' if signed else ', 0 or more'}")


def _check_text(text: str, path: str) -> None:
    if len(text) > LONGEST or "\0" in text:
        raise invalid(path, f"{shown(text)}: expected at most {LONGEST} characters and no NUL")


def _check_length(length: int, path: str) -> None:
    if length > MOST:
        raise invalid(path, f"{length} entries: expected at most {MOST}")


def shown(text: str) -> str:
    """A text as an error may quote it."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
