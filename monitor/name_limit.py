"""A bound on the names of a run."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from keyhole.wire.errors import WireError, invalid
from monitor.validation import MOST, shown


class NameLimit:
    """The names of one kind that a run holds: each is a file, a line of the page, a series of metrics.

    Args:
        expected: the only ones that are taken; none: whichever come first.
        most: names, where none is expected.
    """

    def __init__(self, expected: Iterable[str] = (), most: int = MOST) -> None:
        self._expected = frozenset(expected)
        self._most = most
        self._seen: set[str] = set()

    def check(self, field: str, name: str) -> None:
        """Refuse a name that is one too many.

        Raises:
            WireError: INVALID_ARGUMENT where it is not expected, RESOURCE_EXHAUSTED where there are too many.
        """
        if self._expected and name not in self._expected:
            raise invalid(field, f"{shown(name)}: expected one of {', '.join(sorted(self._expected))}")
        if name not in self._seen and len(self._seen) >= self._most:
            raise WireError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                field,
                f"{shown(name)} is one more than the {self._most} of this run",
            )
        self._seen.add(name)
