"""Takes pictures from a source at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from keyhole.data.sample import Sample


def paced(
    samples: Iterable[Sample],
    *,
    fps: float,
    frames: int,
    wait: Callable[[float], bool],
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Sample]:
    """Yield samples no faster than ``fps``.

    A consumer that was slower than the rate gets no burst afterwards: what it missed is not taken.

    Args:
        samples: where they come from.
        fps: samples per second; 0 sets no pace.
        frames: samples in all; 0 for all there are.
        wait: sleeps that many seconds; True ends the iteration.
        clock: seconds, monotonic.
    """
    period = 1 / fps if fps else 0.0
    due = clock()
    for sample in islice(samples, frames or None):
        if wait(max(0.0, due - clock())):
            return
        yield sample
        due = max(due + period, clock())
