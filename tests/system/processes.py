"""Keyhole's commands as processes of their own, started as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


class Process:
    """One running command. Its log is read as JSON, line by line."""

    def __init__(self, command: str, **flags: Any) -> None:
        arguments = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        self.log: list[dict[str, Any]] = []
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "keyhole.cli", command, *arguments, "--log", "json"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def logged(self, message: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for a log line whose message contains ``message``; returns its fields."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for entry in list(self.log):
                if message in entry["message"]:
                    return entry
            if self._popen.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {message!r} logged; exit code {self._popen.poll()}, log: {self.log}")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; returns the exit code."""
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"not ended within {seconds:g} s; the end of its log: {self.log[-20:]}") from error
        self._reader.join(5)
        return code

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self._popen.send_signal(signal.SIGTERM)
        return self.wait()

    def drained(self) -> float:
        """Seconds from the signal to the end of the work, by the log's own clock; Python's own end is not counted."""
        times = [datetime.fromisoformat(self.logged(message)["time"]) for message in ("stopping", "stopped")]
        return (times[1] - times[0]).total_seconds()

    def kill(self) -> None:
        """SIGKILL."""
        self._popen.kill()
        self.wait()

    def _read(self) -> None:
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            try:
                self.log.append(json.loads(line))
            except json.JSONDecodeError:
                self.log.append({"message": line.rstrip(), "level": "OTHER"})


@contextmanager
def process(command: str, **flags: Any) -> Iterator[Process]:
    """A process that is killed at the end of the block if it still runs."""
    running = Process(command, **flags)
    try:
        yield running
    finally:
        running.kill()
