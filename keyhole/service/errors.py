"""Errors that a user can put right."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable
from pathlib import Path

_log = logging.getLogger(__name__)


class UsageError(ValueError):
    """A wrong argument or setting. Processes exit with code 2 and the message, which says what was expected."""


class MissingError(UsageError, FileNotFoundError):
    """Something that a user named is not there."""


class AddressError(UsageError, OSError):
    """An address that cannot be listened on."""


def warn_of_folder_named_alike(kind: str, name: str) -> None:
    """Log that a known name is taken, not the folder of that name in the current directory."""
    if Path(name).is_dir():
        _log.warning("%s: the %s of that name is taken, not the folder, which is ./%s", name, kind, name)


def check_flags(rules: Iterable[tuple[str, object, object, str]]) -> None:
    """Refuse the first setting that no run can use.

    Args:
        rules: flag, value, whether it will do (a comparison that NaN fails), and what was expected.

    Raises:
        UsageError: names the flag, its value and what was expected.

    >>> check_flags([("--fps", 0, True, "0 or more"), ("--frames", -1, False, "0 or more")])
    Traceback (most recent call last):
    keyhole.service.errors.UsageError: --frames -1: expected 0 or more
    """
    for flag, value, holds, expected in rules:
        if not holds:
            raise UsageError(f"{flag} {value}: expected {expected}")


def seed_rule(flag: str, seed: int) -> tuple[str, object, object, str]:
    """The rule of `check_flags` that a seed is one that torch's generators take."""
    return flag, seed, -(2**63) <= seed < 2**63, "a number of 64 bits"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not registered; it lists the nearest names, or all where none is near.

    >>> str(unknown_name("codec", "fp23", ["fp32", "fp16"]))
    "unknown codec 'fp23': did you mean fp32?"
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(names)}"
    return UsageError(f"unknown {kind} {name!r}: {hint}")
