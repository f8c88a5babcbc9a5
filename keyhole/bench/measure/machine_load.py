"""Load of the machine while something is timed on it: what other processes do meanwhile."""

from __future__ import annotations

import os
import time

import psutil

from keyhole.bench.records import MachineLoad


class LoadWatch:
    """Counts what processes other than this one and its children do, from its making on.

    A child counts as this process's own once it has ended and was waited for; until then it counts as another.
    """

    def __init__(self) -> None:
        self._started, self._busy, self._own = time.monotonic(), _busy(), _own()

    def load(self) -> MachineLoad:
        """The mean load since the watch was made."""
        seconds = time.monotonic() - self._started
        others = (_busy() - self._busy) - (_own() - self._own)
        return MachineLoad(max(0.0, others / seconds) if seconds else 0.0, os.cpu_count() or 1)


def _busy() -> float:
    """Seconds that all cores have worked since the machine started, those of lower priority among them."""
    times = psutil.cpu_times()._asdict()
    guests = times.get("guest", 0.0) + times.get("guest_nice", 0.0)  # counted as user's too
    return float(sum(times.values()) - guests - times["idle"] - times.get("iowait", 0.0) - times.get("steal", 0.0))


def _own() -> float:
    """Seconds that this process and its children that ended have worked."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
