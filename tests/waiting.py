"""Waiting for other threads and processes, as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 240.0
"""Seconds after which what has not come will not come. A test that passes waits only as long as it must."""


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return as soon as it holds.

    Raises:
        AssertionError: it does not in that time.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {seconds:g} s"
        time.sleep(0.02)
