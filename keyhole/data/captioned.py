"""Samples whose captions say something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keyhole.data.sample import Sample
from keyhole.service.errors import UsageError

_LOOKED_AT = 2000
"""Samples on end without one that says it, after which none is expected."""


def saying(samples: Iterable[Sample], words: str, spec: str) -> Iterator[Sample]:
    """Those of endless samples whose captions hold some words, in their order.

    Args:
        samples: the source.
        words: as they stand in a caption.
        spec: name of the source, for the message.

    Raises:
        UsageError: none of the next ones says it.
    """
    missed = told = 0
    for sample in samples:
        told += sample.caption is not None
        if words in (sample.caption or ""):
            missed = 0
            yield sample
        else:
            missed += 1
        if missed == _LOOKED_AT:
            how = "says it" if told else "has a caption"
            raise UsageError(f"--showing {words!r}: of {missed} pictures of --source {spec} on end none {how}")
