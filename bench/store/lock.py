"""One benchmark at a time writes to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from keyhole.service.errors import UsageError
from keyhole.service.folder import BENCHMARK, claim

FILE = "lock"


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold a benchmark's folder, which is made; the lock ends with the block, or with the process however it ends.

    Raises:
        UsageError: another process holds it, or it holds something else than a benchmark.
    """
    claim(run, BENCHMARK)
    try:
        with FileLock(run / FILE, timeout=0):
            yield
    except Timeout as error:
        raise UsageError(
            f"another `keyhole bench` writes to {run}: let it end, or name another folder with --out"
        ) from error
