"""Runs of files with neighbouring names, such as the frames of a video or the pictures of a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath


def runs(names: Sequence[str], count: int) -> list[list[str]]:
    """Names of files in their order, ``9`` before ``10``, cut into runs of about one length.

    A cut is made where names start with another word, or differ before their last number, if they do near there.

    Args:
        names: without folders.
        count: of runs; some are empty where there are fewer names.
    """
    ordered = sorted(names, key=_natural)
    borders = [_border([PurePosixPath(name).stem for name in ordered], place, count) for place in range(1, count)]
    return [ordered[first:last] for first, last in pairwise((0, *borders, len(ordered)))]


def _border(stems: Sequence[str], place: int, count: int) -> int:
    """Where to cut between run ``place`` and the one before it."""
    even, reach = len(stems) * place / count, len(stems) / count / 2
    for differ in (_other_word, _other_counter):
        near = [
            index
            for index in range(1, len(stems))
            if abs(index - even) < reach and differ(stems[index - 1], stems[index])
        ]
        if near:
            return min(near, key=lambda index: abs(index - even))
    return round(even)


def _other_word(before: str, after: str) -> bool:
    """Whether two names start with other words: ``0001`` of ``0001_c2_07``, ``clip`` of ``clip12``."""
    return _word(before) != _word(after)


def _word(stem: str) -> str:
    word, *more = re.split(r"[\W_]", stem, maxsplit=1)
    return word if more or word.isdecimal() else word.rstrip("0123456789")


def _other_counter(before: str, after: str) -> bool:
    """Whether two names differ before their last number."""
    first, second = (re.sub(r"\d+\D*$", "", stem) for stem in (before, after))
    return first != second


def _natural(name: str) -> list[str | tuple[int, str]]:
    """A key by which ``9`` comes before ``10``."""
    return [(int(part), part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
