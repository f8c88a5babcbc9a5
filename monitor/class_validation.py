"""Validation of what an adversary says of classes: names end up in a database and on the page."""

from __future__ import annotations

import re

from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus
from keyhole.wire.errors import invalid
from monitor.validation import CheckedPicture, check_attack, check_fields, check_word, shown

STATES = PREPARING, WORKING, FINISHED, FAILED = "preparing", "working", "finished", "failed"
_HASH = re.compile(r"[0-9a-f]{0,64}")
_LARGEST = 10**6
"""Number of the last class of the largest classifier."""


def check_recall(status: RecallStatus) -> None:
    """Refuse a status whose attack, state or classes nobody could show; its fields were checked with its roster's.

    Raises:
        WireError: INVALID_ARGUMENT, with the field at fault; so the other checks.
    """
    check_attack(status.attack, "recall.attack")
    check_word("recall.recipe", status.recipe)
    _check_hash(status.model_hash, "recall.model_hash")
    if status.state not in STATES:
        raise invalid("recall.state", f"{shown(status.state)}: expected one of {', '.join(STATES)}")
    labels = [each.label for each in status.classes]
    if len(set(labels)) < len(labels) or any(label > _LARGEST for label in labels):
        raise invalid("recall.classes", "expected each class once, by its number in the classifier")


def check_class_picture(picture: ClassPicture) -> None:
    """Refuse a picture of a class unless it can be kept and shown. It is decoded once."""
    check_attack(picture.attack)
    check_word("recipe", picture.recipe)
    check_fields(picture)
    _check_hash(picture.model_hash, "model_hash")
    if not picture.model_hash:
        raise invalid("model_hash", "expected the hash of the classifier's weights")
    if picture.label > _LARGEST:
        raise invalid("label", f"{picture.label}: expected the number of a class, at most {_LARGEST:,}")
    CheckedPicture(picture.picture).decode()


def _check_hash(text: str, field: str) -> None:
    if not _HASH.fullmatch(text):
        raise invalid(field, f"{shown(text)}: expected at most 64 hexadecimal digits")
