"""CPU-seconds of commands that list something: their first call, later ones, and those of another checkout."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run

COMMANDS = ("cuts resnet18", "targets")
MOST = 0.5
_HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class CommandsSettings(MeasurementSettings):
    """Time commands, beside those of another checkout where one is given."""

    against: Path | None = None
    """Folder of another checkout of Keyhole, which runs in this one's environment."""
    turns: int = 5
    """Calls of each; the median counts."""


@dataclass(frozen=True)
class CommandsRow(Ratio):
    """One command, in CPU-seconds; the ratio is that of a later call to the other checkout's, or to the first call."""

    command: str = ""
    other: str = ""
    first: float = 0.0
    later: float = 0.0


def call(command: str, checkout: Path, home: str) -> float:
    """CPU-seconds of a command of a checkout, which remembers in a folder of its own.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    before = _children()
    environment = {**os.environ, "PYTHONPATH": str(checkout), "XDG_CACHE_HOME": home, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "keyhole", *command.split()]
    subprocess.run(words, cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: str, settings: CommandsSettings) -> CommandsRow:
    """Call it in turns."""
    other: list[float] = []
    first: list[float] = []
    later: list[float] = []
    for _ in range(settings.turns):
        with TemporaryDirectory() as home, TemporaryDirectory() as theirs:
            if settings.against:
                other.append(call(command, settings.against.resolve(), theirs))
            first.append(call(command, _HERE, home))
            later.append(call(command, _HERE, home))
    reference = statistics.median(other or first)
    median = statistics.median(later)
    told = f"{reference:.2f}" if other else "–"
    return CommandsRow(
        median / reference,
        MOST,
        command=f"`keyhole {command}`",
        other=told,
        first=statistics.median(first),
        later=median,
    )


def measurement(settings: CommandsSettings) -> Measurement:
    """The measurement, with one row for each command."""
    return Measurement.of(
        [measure(command, settings) for command in COMMANDS],
        "Commands that list",
        f"""CPU-seconds from the command to its end, medians of {settings.turns} in turns: of the other build, of this
        one's first call, which asks torch, and of a later one, which remembers. The ratio is that of a later call to
        the other build's, where there is none to the first call.""",
        {
            "command": ("command", ""),
            "other build": ("other", ""),
            "first": ("first", ".2f"),
            "later": ("later", ".2f"),
        },
        "python -m benchmarks.commands",
    )


if __name__ == "__main__":
    run(CommandsSettings, measurement)
