"""What the referee takes from the wire. Names end up in paths, numbers in a database: both are checked at the door."""

from __future__ import annotations

import math
import re

from torch import Tensor

from keyhole.data.secrets import SecretLabels
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Secrets, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import WireError
from keyhole.wire.pictures import unpack_picture
from keyhole.wire.secrets import unpack_secrets

FRAME_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ATTACK = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
TRUTH = "truth"
SMALLEST = 11
_INTEGERS = 2**63


class RejectedError(ValueError):
    """A message that the referee does not take.

    Attributes:
        field: dotted name of the message's field, as in the proto.
        reason: what was wrong, what was expected.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def check_truth(truth: Truth) -> None:
    """Raise `RejectedError` unless the frame id can name a folder, the time is one, the picture is a picture and
    its secrets are labels."""
    _check_frame_id(truth.frame_id)
    _check_number("captured_at", truth.captured_at)
    _check_text("label", truth.label)
    read_picture(truth.picture)
    read_labels(truth.secrets)


def check_outcome(outcome: Outcome) -> None:
    """Raise `RejectedError` unless the frame id can name a folder and every stage is a duration."""
    _check_frame_id(outcome.frame_id)
    _check_text("dropped", outcome.dropped)
    _check_text("prediction", outcome.prediction)
    _check_integer("payload_bytes", outcome.payload_bytes)
    for stage, seconds in outcome.stages.items():
        _check_number(f"stages[{stage!r}]", seconds)


def check_reconstruction(reconstruction: Reconstruction) -> None:
    """Raise `RejectedError` unless frame id, attack and rung can name a file and the rest is in range."""
    _check_frame_id(reconstruction.frame_id)
    _check_attack(reconstruction.attack)
    for field in ("recipe", "rung"):
        _check_word(field, getattr(reconstruction, field))
    _check_text("knowledge", reconstruction.knowledge)
    _check_text("tap", reconstruction.tap)
    _check_number("seconds", reconstruction.seconds)
    for field in ("iteration", "backlog", "dropped", "seed"):
        _check_integer(field, getattr(reconstruction, field))
    read_picture(reconstruction.picture)


def read_picture(picture: Picture) -> Tensor:
    """RGB, float32, 3×H×W in [0, 1].

    Raises:
        RejectedError: it is no RGB PNG, or a side is shorter than SSIM's window.
    """
    try:
        pixels = unpack_picture(picture, field="picture")
    except WireError as error:
        raise RejectedError(error.field, error.reason) from error
    height, width = pixels.shape[-2:]
    if min(height, width) < SMALLEST:
        raise RejectedError("picture.png", f"{width}×{height} pixels: expected at least {SMALLEST} on each side")
    return pixels


def read_labels(secrets: Secrets) -> SecretLabels:
    """The labels of a truth's secrets.

    Raises:
        RejectedError: see `keyhole.wire.secrets.unpack_secrets`.
    """
    try:
        return unpack_secrets(secrets, field="secrets")
    except WireError as error:
        raise RejectedError(error.field, error.reason) from error


def _check_frame_id(frame_id: str) -> None:
    if not FRAME_ID.fullmatch(frame_id):
        raise RejectedError(
            "frame_id",
            f"{_shown(frame_id)} is no frame id: expected 1 to 128 letters, digits, '.', '_' or '-', "
            "a letter or digit first, as in 'edge-0-000042'",
        )


def _check_attack(attack: str) -> None:
    if attack == TRUTH or not ATTACK.fullmatch(attack):
        raise RejectedError(
            "attack",
            f"{_shown(attack)} is no attack name: expected 1 to 64 lower-case letters, digits or '-', "
            "a letter or digit first, as in 'pixels-white', and not 'truth'",
        )


def _check_word(field: str, text: str) -> None:
    if text and not WORD.fullmatch(text):
        raise RejectedError(field, f"{_shown(text)}: expected at most 32 lower-case letters, digits or '-', or nothing")


def _check_number(field: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise RejectedError(field, f"{value}: expected a finite number of seconds, 0 or more")


def _check_integer(field: str, value: int) -> None:
    if value >= _INTEGERS:
        raise RejectedError(field, f"{value}: expected less than 2^63")


def _check_text(field: str, text: str) -> None:
    if len(text) > 128 or "\0" in text:
        raise RejectedError(field, f"{_shown(text)}: expected at most 128 characters and no NUL")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
