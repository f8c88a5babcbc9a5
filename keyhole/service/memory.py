"""The memory of a process: how much it holds, and whether it keeps what it frees."""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
_FRAMES = {_M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: 256 << 20, _M_ARENA_MAX: 1}
_STEPS = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: -1, _M_TOP_PAD: 256 << 20, _M_ARENA_MAX: 1}


@dataclass(frozen=True)
class Resident:
    """Bytes of a process that are in memory.

    Attributes:
        own: its own.
        shared: of files, libraries above all; processes that have the same ones open hold them together.
    """

    own: int
    shared: int


def resident() -> Resident | None:
    """What this process holds now; None where the system does not say (Linux does, see proc_pid_status(5))."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    own, shared = (re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE) for name in ("RssAnon", "RssFile"))
    return Resident(1024 * int(own[1]), 1024 * int(shared[1])) if own and shared else None


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the search for cycles, which goes through all objects again and again while millions are made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def keep_freed() -> bool:
    """Let the C library keep freed memory, up to 256 MiB, instead of giving it back to the system.

    Each frame takes and frees several buffers of its own size. Given back and taken anew, their pages are faulted in
    again for every frame, which can cost more than the call itself. One arena serves all threads, because the others
    cannot keep large blocks. See mallopt(3); libraries other than glibc are left as they are.

    Returns:
        Whether the library took the settings.
    """
    return _set(_FRAMES)


def keep_all_freed() -> bool:
    """`keep_freed` without a limit, for the steps of a training: each takes and frees gigabytes in blocks of any size.

    The process keeps the most that it ever had until it ends.

    Returns:
        Whether the library took the settings.
    """
    return _set(_STEPS)


def _set(settings: Mapping[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in settings.items())
