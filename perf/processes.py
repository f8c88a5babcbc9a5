"""Clouds in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from keyhole.service.address import free_port
from keyhole.wire.channel import connect, wait_ready
from keyhole.wire.client import InferenceClient

START_SECONDS = 120.0


@contextmanager
def process(*arguments: str, threads: int = 1) -> Iterator[None]:
    """A Python process with its number of threads; ended with the block."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "KEYHOLE_LOG_LEVEL": "ERROR"}
    running = subprocess.Popen([sys.executable, *arguments], env=environment)
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
        TimeoutError: it was not ready within `START_SECONDS`.
    """

    def __init__(self, stack: ExitStack, target: str, cut: str, *flags: str, threads: int = 1) -> None:
        self.address, self._metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        model = ("--target", target, "--cut", cut)
        listen = ("--listen", self.address, "--metrics", self._metrics)
        stack.enter_context(process("-m", "keyhole.cli", "cloud", *model, *listen, *flags, threads=threads))
        wait_ready(self.address, START_SECONDS)
        self.client = InferenceClient(stack.enter_context(connect(self.address)))

    def tap_dropped(self) -> int:
        """Frames that the tap's subscriber has lost."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return int(next(float(line.split()[1]) for line in lines if line.startswith("keyhole_tap_dropped_total ")))
