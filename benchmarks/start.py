"""What it costs to start a demo: CPU-seconds until its first frame is scored, and the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.presentation import attacks
from monitor.database import ScoreRow, open_database

MOST = 0.5
FRAMES = 30
_EVERY = 0.2
_HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class StartSettings(MeasurementSettings):
    """Measure the start of a demo, beside that of another checkout where one is given."""

    against: Path | None = None
    """Folder of another checkout of Keyhole, which runs in this one's environment."""
    turns: int = 1
    """Demos of each; the middle one counts."""


@dataclass(frozen=True)
class StartRow(Ratio):
    """Of one checkout; the ratio is of CPU-seconds to the other's."""

    build: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    gigabytes: float = 0.0


@dataclass(frozen=True, order=True)
class Start:
    """One demo.

    Attributes:
        cpu: seconds of all processes until the first frame is scored.
        seconds: until then, by the clock.
        memory: bytes of all processes at most, shared ones counted once.
    """

    cpu: float
    seconds: float
    memory: int


def measure(checkout: Path) -> Start:
    """Run a demo of a checkout, at its defaults.

    Raises:
        subprocess.CalledProcessError: it failed, or scored no frame.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "keyhole", "demo", "--frames", str(FRAMES), "--out", str(out)]
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        demo = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
        first, most, used = None, 0, dict[int, float]()
        while demo.poll() is None:
            most = max(most, _look(_family(demo.pid), used))
            if first is None and _scored(out):
                first = sum(used.values()), time.perf_counter() - started
            time.sleep(_EVERY)
        if demo.returncode or first is None:
            raise subprocess.CalledProcessError(demo.returncode, command)
        return Start(*first, most)


def _family(pid: int) -> list[psutil.Process]:
    try:
        demo = psutil.Process(pid)
        return [demo, *demo.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _look(processes: Iterable[psutil.Process], used: dict[int, float]) -> int:
    """Bytes of all processes now, and into ``used`` the CPU-seconds of each."""
    memory = 0
    for process in processes:
        try:
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
            memory += process.memory_full_info().pss
        except psutil.Error:  # it has ended meanwhile
            continue
    return memory


def _scored(out: Path) -> bool:
    """Whether an attack on a frame has a score; the monitor has made its database once it listens."""
    if not (out / "logs/monitor.json").exists():
        return False
    engine = open_database(out)
    with Session(engine) as session:
        count = session.scalar(select(func.count(ScoreRow.id)).where(ScoreRow.attack != attacks.BLIND))
    engine.dispose()
    return bool(count)


def measurement(settings: StartSettings) -> Measurement:
    """The measurement, with one row for each checkout."""
    builds = {"this one": _HERE, **({"the other": settings.against.resolve()} if settings.against else {})}
    found: dict[str, list[Start]] = {name: [] for name in builds}
    for _ in range(settings.turns):
        for name, checkout in builds.items():
            found[name].append(measure(checkout))
    starts = {name: sorted(some)[len(some) // 2] for name, some in found.items()}
    last = list(starts.values())[-1]
    rows = [
        StartRow(
            start.cpu / last.cpu,
            MOST if start is not last else None,
            build=name,
            seconds=start.seconds,
            cpu=start.cpu,
            gigabytes=start.memory / 1e9,
        )
        for name, start in starts.items()
    ]
    return Measurement.of(
        rows,
        "The start of a demo",
        """`keyhole demo` at its defaults: seconds from the command until an attack on a frame is scored, CPU-seconds of
        all processes until then, and their memory at most, what they share counted once. The ratio is of CPU-seconds to
        the other build's.""",
        {
            "build": ("build", ""),
            "seconds": ("seconds", ".1f"),
            "CPU s": ("cpu", ".1f"),
            "GB": ("gigabytes", ".2f"),
        },
        "python -m benchmarks.start",
    )


if __name__ == "__main__":
    run(StartSettings, measurement)
