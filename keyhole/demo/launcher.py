"""Start processes, watch over them, stop them in order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from keyhole.service.address import published

START_SECONDS, DRAIN_SECONDS = 180.0, 15.0
_POLL_SECONDS = 0.05


class ProcessError(RuntimeError):
    """A process ended by itself with an error; the message holds the end of its log."""


@dataclass
class Launcher:
    """Runs ``keyhole`` processes, each with its output in ``logs/<name>.log``; leaves none behind, even killed.

    Attributes:
        logs: folder for the logs.
        running: the processes by name, in the order of their start.
    """

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start ``keyhole <arguments>``, which must be a service's, under a name of its own."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._addresses(name).unlink(missing_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "keyhole.demo.tethered", *arguments, "--addresses", str(self._addresses(name))],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def addresses(self, name: str) -> Mapping[str, str]:
        """Where a process listens, by flag; waits until it does.

        Raises:
            ProcessError: one of the processes ended with an error.
            TimeoutError: it did not within ``START_SECONDS``.
        """
        deadline = time.monotonic() + START_SECONDS
        while (places := published(self._addresses(name))) is None:
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not ready within {START_SECONDS:.0f} s:\n{self.tail(name)}")
            time.sleep(_POLL_SECONDS)
        return places

    def check(self) -> None:
        """Raise ProcessError if any process has ended with an error."""
        for name, process in self.running.items():
            code = process.poll()
            if code not in (None, 0):
                raise ProcessError(f"{name} ended with exit code {code}:\n{self.tail(name)}")

    def done(self, name: str) -> bool:
        """Whether a process has ended."""
        return self.running[name].poll() is not None

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a process's log."""
        text = (self.logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, name: str) -> None:
        """Ask a process to drain; kill it if it has not ended within ``DRAIN_SECONDS``.

        Raises:
            ProcessError: it had to be killed or ended with an error.
        """
        process = self.running[name]
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(DRAIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.returncode != 0:
            raise ProcessError(f"{name} ended with exit code {process.returncode}:\n{self.tail(name)}")

    def _addresses(self, name: str) -> Path:
        return self.logs / f"{name}.json"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        alive = [process for process in self.running.values() if process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + DRAIN_SECONDS
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
