"""What the referee takes from the wire. Names end up in paths, numbers in a database: both are checked at the door."""

from __future__ import annotations

import re
from collections.abc import Collection

from torch import Tensor

from keyhole.data.secrets import SecretLabels
from keyhole.v1.referee_pb2 import Account, Outcome, Presence, Reconstruction, Secrets, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.errors import invalid
from keyhole.wire.pictures import measure_picture, unpack_picture
from keyhole.wire.secrets import unpack_secrets
from monitor.fields import check_fields, shown

FRAME_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ATTACK = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
TRUTH = "truth"
PARTIES = "edge", "cloud", "oracle", "adversary"
SMALLEST, LARGEST = 11, 1 << 22
"""Pixels on a side, of SSIM's window, and in all."""
Size = tuple[int, int]
"""Height and width."""
_HEADERS = 1 << 16


def check_truth(truth: Truth) -> None:
    """Refuse a truth unless its frame id can name a folder, its picture is one and its secrets are labels.

    Raises:
        WireError: INVALID_ARGUMENT, with the field at fault; so the other checks.
    """
    _check_frame_id(truth.frame_id)
    check_fields(truth)
    read_picture(truth.picture)
    read_labels(truth.secrets)


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


def check_reconstruction(reconstruction: Reconstruction) -> None:
    """Refuse a reconstruction unless frame id, attack and rung can name a file and its picture begins as one."""
    _check_frame_id(reconstruction.frame_id)
    _check_attack(reconstruction.attack)
    for field in ("recipe", "rung"):
        _check_word(field, getattr(reconstruction, field))
    check_fields(reconstruction)
    read_size(reconstruction.picture)


def read_picture(picture: Picture) -> Tensor:
    """RGB, float32, 3×H×W in [0, 1].

    Raises:
        WireError: INVALID_ARGUMENT, it is no RGB PNG, or not of a size that `read_size` takes.
    """
    read_size(picture)
    return unpack_picture(picture, field="picture")


def read_size(picture: Picture) -> Size:
    """Height and width, without reading the picture itself.

    Raises:
        WireError: INVALID_ARGUMENT, it does not begin as an RGB PNG, a side is shorter than SSIM's window, there are
            more than 4 million pixels, or more bytes than they can need.
    """
    height, width = size = measure_picture(picture, field="picture")
    if min(size) < SMALLEST:
        raise invalid("picture.png", f"{sized(size)}: expected at least {SMALLEST} on each side")
    if height * width > LARGEST:
        raise invalid("picture.png", f"{sized(size)}: expected at most {LARGEST:,} in all")
    if len(picture.png) > 4 * height * width + _HEADERS:
        raise invalid("picture.png", f"{len(picture.png):,} bytes for {sized(size)}: expected a plain PNG")
    return size


def check_size(size: Size, expected: Collection[Size]) -> None:
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


def sized(size: Size) -> str:
    """A size as an error names it."""
    height, width = size
    return f"{width}×{height} pixels"


def read_labels(secrets: Secrets) -> SecretLabels:
    """The labels of a truth's secrets.

    Raises:
        WireError: see `keyhole.wire.secrets.unpack_secrets`.
    """
    return unpack_secrets(secrets, field="secrets")


def _check_frame_id(frame_id: str) -> None:
    if not FRAME_ID.fullmatch(frame_id):
        raise invalid(
            "frame_id",
            f"{shown(frame_id)} is no frame id: expected 1 to 128 letters, digits, '.', '_' or '-', "
            "a letter or digit first, as in 'edge-0-000042'",
        )


def _check_attack(attack: str) -> None:
    if attack == TRUTH or not ATTACK.fullmatch(attack):
        raise invalid(
            "attack",
            f"{shown(attack)} is no attack name: expected 1 to 64 lower-case letters, digits or '-', "
            "a letter or digit first, as in 'pixels-white', and not 'truth'",
        )


def _check_word(field: str, text: str) -> None:
    if text and not WORD.fullmatch(text):
        raise invalid(field, f"{shown(text)}: expected at most 32 lower-case letters, digits or '-', or nothing")
