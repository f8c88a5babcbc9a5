"""Labels of secrets in the messages that go to the referee."""

from __future__ import annotations

import math
from collections.abc import Iterable

from keyhole.data.sample import Box, SecretLabels
from keyhole.v1 import referee_pb2
from keyhole.wire.errors import invalid

_LONGEST, _MOST = 64, 32


def pack_secrets(labels: SecretLabels) -> referee_pb2.Secrets:
    """Labels as a message."""
    return referee_pb2.Secrets(
        identity=labels.identity,
        plate=labels.plate,
        plate_corners=[referee_pb2.Point(x=x, y=y) for x, y in labels.plate_corners or ()],
        plate_legible=labels.plate_legible,
        attributes=labels.attributes,
        driver_box=_pack_box(labels.driver_box),
        passenger_box=_pack_box(labels.passenger_box),
    )


def unpack_secrets(message: referee_pb2.Secrets, *, field: str) -> SecretLabels:
    """The labels of a message.

    Args:
        message: what came.
        field: its path in the request, for the error.

    Raises:
        WireError: INVALID_ARGUMENT, a text is too long or a place is none.
    """
    texts = (message.identity, message.plate, *message.attributes.keys(), *message.attributes.values())
    if len(message.attributes) > _MOST or any(len(text) > _LONGEST or "\0" in text for text in texts):
        raise invalid(field, f"expected at most {_MOST} attributes and texts of at most {_LONGEST} characters, no NUL")
    corners = [(point.x, point.y) for point in message.plate_corners]
    if len(corners) not in (0, 4):
        raise invalid(f"{field}.plate_corners", f"expected 4 corners or none, got {len(corners)}")
    _check_finite(f"{field}.plate_corners", (value for corner in corners for value in corner))
    return SecretLabels(
        identity=message.identity,
        plate=message.plate,
        plate_corners=(corners[0], corners[1], corners[2], corners[3]) if corners else None,
        plate_legible=message.plate_legible,
        attributes=dict(message.attributes),
        driver_box=_box(message, "driver_box", field),
        passenger_box=_box(message, "passenger_box", field),
    )


def _pack_box(box: Box | None) -> referee_pb2.Box | None:
    return None if box is None else referee_pb2.Box(left=box[0], top=box[1], right=box[2], bottom=box[3])


def _box(message: referee_pb2.Secrets, name: str, field: str) -> Box | None:
    if not message.HasField(name):  # type: ignore[arg-type]
        return None
    box = getattr(message, name)
    values = (box.left, box.top, box.right, box.bottom)
    _check_finite(f"{field}.{name}", values)
    return values


def _check_finite(field: str, values: Iterable[float]) -> None:
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in values):
        raise invalid(field, "expected finite pixels")
