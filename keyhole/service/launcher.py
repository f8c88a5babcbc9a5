"""Processes of this machine: started, followed to where they listen and how they end, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from keyhole.service.address import published
from keyhole.service.forked import ForkedCommand
from keyhole.service.lifecycle import OK, Stop

START_SECONDS, DRAIN_SECONDS = 180.0, 15.0
_POLL_SECONDS = 0.05


class ProcessError(RuntimeError):
    """A process ended by itself with an error, or by force; the message holds the end of its log."""


class StoppedError(Exception):
    """The run was told to stop while something was waited for."""


@dataclass
class Launcher:
    """Runs ``keyhole`` processes, each with its output in ``logs/<name>.log``; leaves none behind if it is killed.

    Attributes:
        logs: folder for the logs.
        stop: ends all waiting.
        running: the processes by name, in the order of their start.
    """

    logs: Path
    stop: Stop = field(default_factory=Stop)
    running: dict[str, ForkedCommand] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start ``keyhole <arguments>``, which must be a service's, under a name of its own, or start it again."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._addresses(name).unlink(missing_ok=True)
        if name not in self.running:
            self._log(name).write_bytes(b"")
        arguments = (*arguments, "--addresses", str(self._addresses(name)))
        environment = {**os.environ, **(environment or {})}
        self.running[name] = ForkedCommand(arguments, self._log(name), environment)

    def addresses(self, name: str) -> Mapping[str, str] | None:
        """The addresses at which a process listens, by flag; None as long as it does not."""
        return published(self._addresses(name))

    def wait_for(self, name: str) -> Mapping[str, str]:
        """Wait until a process listens; return its addresses by flag.

        Raises:
            ProcessError: one of the processes ended with an error.
            TimeoutError: it did not within ``START_SECONDS``.
            StoppedError: the run was told to stop.
        """
        deadline = time.monotonic() + START_SECONDS
        while (places := self.addresses(name)) is None:
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not ready within {START_SECONDS:.0f} s:\n{self.tail(name)}")
            if self.stop.wait(_POLL_SECONDS):
                raise StoppedError
        return places

    def check(self) -> None:
        """Raise ProcessError if any process has ended with an error."""
        for name in self.running:
            if self.code(name) not in (None, OK):
                raise ProcessError(self.exit_report(name))

    def code(self, name: str) -> int | None:
        """A process's exit code, negative where a signal ended it; None while it runs."""
        return self.running[name].poll()

    def done(self, name: str) -> bool:
        """Whether a process has ended."""
        return self.code(name) is not None

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a process's log."""
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-lines:])

    def exit_report(self, name: str) -> str:
        """How a process ended, and the last lines of its log."""
        code = self.running[name].wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{name} {how}:\n{self.tail(name)}".rstrip()

    def end(self, name: str, patience: float = DRAIN_SECONDS) -> None:
        """Ask a process to drain; kill it if it has not ended within ``patience`` seconds. One that ended is let be.

        Raises:
            ProcessError: it had to be killed, or ended with an error.
        """
        process = self.running[name]
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode not in (OK, -signal.SIGTERM):  # by the signal itself: it had not begun
            raise ProcessError(self.exit_report(name))

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

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
        deadline = time.monotonic() + (0 if kind is KeyboardInterrupt else DRAIN_SECONDS)
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
