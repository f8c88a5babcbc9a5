"""What a process would do, found out without starting it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Forecast:
    """What a command would do with its settings, all of which were looked up.

    Attributes:
        does: in words.
        seconds: that it computes for one frame; 0: none waits for it.
    """

    does: str
    seconds: float = 0.0
