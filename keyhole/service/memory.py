"""Memory kept for the next frame."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_SETTINGS = ((_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 256 << 20), (_M_ARENA_MAX, 1))


def keep_freed() -> bool:
    """Let the C library keep freed memory, up to 256 MiB, instead of giving it back to the system.

    Each frame takes and frees several buffers of its own size. Given back and taken anew, their pages are faulted in
    again for every frame, which can cost more than the call itself. One arena serves all threads, because the others
    cannot keep large blocks. See mallopt(3); libraries other than glibc are left as they are.

    Returns:
        Whether the library took the settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in _SETTINGS)
