"""Validation of what comes from the wire: names end up in paths, numbers in a database, pictures in memory."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from torch import Tensor

from keyhole.data.sample import SecretLabels
from keyhole.sizes import SMALLEST
from keyhole.v1.referee_pb2 import Account, Box, Outcome, Point, Presence, Reconstruction, Roster, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import invalid
from keyhole.wire.pictures import measure_picture, unpack_levels
from keyhole.wire.secrets import unpack_secrets

FRAME_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ATTACK = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
TRUTH = "truth"
PARTIES = "edge", "cloud", "oracle", "adversary"
LARGEST = 1 << 22
"""Pixels of the largest picture that is taken."""
HeightWidth = tuple[int, int]
_HEADERS = 1 << 16
LONGEST, MOST = 128, 32
MOST_CLASSES = 256
"""That an adversary may picture."""
_MOST_OF = {"classes": MOST_CLASSES}
"""Of lists by the name of their field; of others it is `MOST`."""
_INTEGERS = 2**63
_SIGNED = (Box, Point)
"""Messages whose numbers may be negative."""


class CheckedPicture:
    """The picture of a message: its PNG as it came, and its pixels, which are decoded once at most.

    Args:
        message: only its beginning is read.

    Raises:
        WireError: INVALID_ARGUMENT, it does not begin as an RGB PNG, a side is shorter than SSIM's window, there are
            more than 4 million pixels, or more bytes than they can need.
    """

    def __init__(self, message: Picture) -> None:
        self.size = _measured(message)
        self._message = message
        self._lock = threading.Lock()
        self._levels: Tensor | None = None

    @property
    def most_bytes(self) -> int:
        """What it takes in memory once its pixels are decoded: the PNG and a byte for each number."""
        height, width = self.size
        return len(self._message.png) + 3 * height * width

    def decode(self) -> Tensor:
        """RGB in steps of 1/255: uint8, 3×H×W. Called from many threads.

        Raises:
            WireError: INVALID_ARGUMENT, it is no whole PNG.
        """
        with self._lock:
            if self._levels is None:
                self._levels = unpack_levels(self._message, field="picture")
            return self._levels

    @property
    def pixels(self) -> Tensor:
        """RGB in [0, 1]: float32, 3×H×W; four times what is held, so made anew each time."""
        return self.decode().float() / 255


@dataclass(frozen=True)
class CheckedTruth:
    """A truth, its picture and the labels of its secrets; none where it has no secrets."""

    message: Truth
    picture: CheckedPicture
    labels: SecretLabels | None

    @classmethod
    def read(cls, truth: Truth) -> CheckedTruth:
        """From a message; its picture is not decoded yet.

        Raises:
            WireError: INVALID_ARGUMENT, see `CheckedPicture` and `keyhole.wire.secrets.unpack_secrets`.
        """
        labels = unpack_secrets(truth.secrets, field="secrets") if truth.HasField("secrets") else None
        return cls(truth, CheckedPicture(truth.picture), labels)


@dataclass(frozen=True)
class CheckedReconstruction:
    """A reconstruction and its picture."""

    message: Reconstruction
    picture: CheckedPicture


def check_truth(truth: Truth) -> CheckedTruth:
    """Refuse a truth unless its frame id can name a folder, its picture is one and its secrets are labels.

    Returns:
        The truth with its picture decoded.

    Raises:
        WireError: INVALID_ARGUMENT, with the field at fault; so the other checks.
    """
    _check_frame_id(truth.frame_id)
    check_fields(truth)
    checked = CheckedTruth.read(truth)
    checked.picture.decode()
    return checked


def check_outcome(outcome: Outcome) -> None:
    """Refuse an outcome unless its frame id can name a folder."""
    _check_frame_id(outcome.frame_id)
    check_fields(outcome)


def check_presence(presence: Presence) -> None:
    """Refuse a presence unless it is of a process that the monitor shows, in bounded words."""
    if presence.party not in PARTIES:
        raise invalid("party", f"{shown(presence.party)}: expected one of {', '.join(PARTIES)}")
    check_fields(presence)


def check_account(account: Account) -> None:
    """Refuse an account that names no edge."""
    check_fields(account)
    if not account.edge:
        raise invalid("edge", "expected a name")


def check_reconstruction(reconstruction: Reconstruction) -> CheckedReconstruction:
    """Refuse a reconstruction unless frame id, attack and rung can name a file, its clip has it, and its picture begins
    as one.

    Returns:
        The reconstruction; its picture is not decoded yet.
    """
    _check_frame_id(reconstruction.frame_id)
    check_attack(reconstruction.attack)
    for field in ("recipe", "rung"):
        check_word(field, getattr(reconstruction, field))
    check_fields(reconstruction)
    for at, frame_id in enumerate(reconstruction.clip):
        _check_frame_id(frame_id, f"clip[{at}]")
    if reconstruction.clip and reconstruction.frame_id not in reconstruction.clip:
        raise invalid("clip", f"expected frame {shown(reconstruction.frame_id)} among its frames")
    return CheckedReconstruction(reconstruction, CheckedPicture(reconstruction.picture))


def check_roster(roster: Roster) -> None:
    """Refuse a roster unless each of its attacks could submit what it makes."""
    check_fields(roster)
    for at, status in enumerate(roster.attacks):
        check_attack(status.attack, f"attacks[{at}].attack")
        for field in ("recipe", "rung"):
            check_word(f"attacks[{at}].{field}", getattr(status, field))


def _measured(picture: Picture) -> HeightWidth:
    """Height and width; refuses as `CheckedPicture` says."""
    height, width = size = measure_picture(picture, field="picture")
    if min(size) < SMALLEST:
        raise invalid("picture.png", f"{sized(size)}: expected at least {SMALLEST} on each side")
    if height * width > LARGEST:
        raise invalid("picture.png", f"{sized(size)}: expected at most {LARGEST:,} in all")
    if len(picture.png) > 4 * height * width + _HEADERS:
        raise invalid("picture.png", f"{len(picture.png):,} bytes for {sized(size)}: expected a plain PNG")
    return size


def check_size(size: HeightWidth, expected: Collection[HeightWidth]) -> None:
    """Refuse a reconstruction of another size than the truths; where none is known every size is taken.

    Raises:
        WireError: INVALID_ARGUMENT.
    """
    if expected and size not in expected:
        truths = " or ".join(sized(one) for one in sorted(expected)[:3])
        raise invalid(
            "picture.png",
            f"the reconstruction is {sized(size)} and the frame's truth {truths}: "
            "submit pictures of the target's input size",
        )


def sized(size: HeightWidth) -> str:
    """A size as an error names it."""
    height, width = size
    return f"{width}×{height} pixels"


def _check_frame_id(frame_id: str, field: str = "frame_id") -> None:
    if not FRAME_ID.fullmatch(frame_id):
        raise invalid(
            field,
            f"{shown(frame_id)} is no frame id: expected 1 to 128 letters, digits, '.', '_' or '-', "
            "a letter or digit first, as in 'edge-0-000042'",
        )


def check_attack(attack: str, field: str = "attack") -> None:
    """Refuse an attack's name that cannot name a file."""
    if attack == TRUTH or not ATTACK.fullmatch(attack):
        raise invalid(
            field,
            f"{shown(attack)} is no attack name: expected 1 to 64 lower-case letters, digits or '-', "
            "a letter or digit first, as in 'pixels-white', and not 'truth'",
        )


def check_word(field: str, text: str) -> None:
    """Refuse a text that is no word, nor empty."""
    if text and not WORD.fullmatch(text):
        raise invalid(field, f"{shown(text)}: expected at most 32 lower-case letters, digits or '-', or nothing")


def check_fields(message: Message, path: str = "") -> None:
    """Refuse what no database holds, in any field of a message and of the messages in it; drop fields of no name.

    Bytes are left to whoever reads them.

    Args:
        message: as it came.
        path: where it stands in the request, for the error.

    Raises:
        WireError: INVALID_ARGUMENT: a number is not finite, or negative where it is no place in a picture; an integer
            has more than 63 bits; a text has a NUL or more than 128 characters; a list or map more than 32 entries (of
            classes 256).
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
    most = _MOST_OF.get(path.rpartition(".")[2], MOST)
    if length > most:
        raise invalid(path, f"{length} entries: expected at most {most}")


def shown(text: str) -> str:
    """A text as an error may quote it."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
