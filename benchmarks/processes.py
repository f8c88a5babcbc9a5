"""Clouds in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from keyhole.service.launcher import Launcher
from keyhole.wire.client import InferenceClient, connect


@contextmanager
def process(*arguments: str, threads: int = 1) -> Iterator[None]:
    """A Python process with its number of threads; ended with the block."""
    running = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **_environment(threads)})
    try:
        yield
    finally:
        running.terminate()
        running.wait()


class Cloud:
    """A cloud and a channel to it, until the stack is closed.

    Args:
        stack: that ends the process.
        target: a name that ``--target`` takes.
        cut: where it is cut.
        flags: of the cloud, besides.
        threads: of the tail.

    Raises:
        ProcessError: it ended with an error.
        TimeoutError: it was not ready in time.
    """

    def __init__(self, stack: ExitStack, target: str, cut: str, *flags: str, threads: int = 1) -> None:
        logs = stack.enter_context(TemporaryDirectory())
        launcher = stack.enter_context(Launcher(Path(logs)))
        model = ("--target", target, "--cut", cut)
        launcher.start("cloud", ("cloud", *model, "--listen", "127.0.0.1:0", *flags), _environment(threads))
        places = launcher.wait_for("cloud")
        self.address, self._metrics = places["listen"], places["metrics"]
        self.client = InferenceClient(stack.enter_context(connect(self.address)))

    def tap_dropped(self) -> int:
        """Frames that the tap's subscriber has lost."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return int(next(float(line.split()[1]) for line in lines if line.startswith("keyhole_tap_dropped_total ")))


def _environment(threads: int) -> Mapping[str, str]:
    return {"OMP_NUM_THREADS": str(threads), "KEYHOLE_LOG_LEVEL": "ERROR"}
