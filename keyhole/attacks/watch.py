"""How an attack is watched while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """What an attack tells on its way, and the clock that it goes by.

    Attributes:
        interval: seconds between estimates; 0 for one per iteration.
        stepped: called after every iteration.
        noted: called with the loss of every iteration, the mean over the pictures.
        clock: seconds, monotonic.
    """

    interval: float = 1.0
    stepped: Callable[[], object] = lambda: None
    noted: Callable[[float], object] = lambda _: None
    clock: Callable[[], float] = time.perf_counter


UNWATCHED = Watch()
