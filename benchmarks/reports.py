"""Time and memory of a run's report, by the length of the run.

Each run is made up: frames that were answered, each scored for one attack and for a blind attacker with two pictures to
choose from, and read by a judge; one frame in four has a thumbnail scale, about what a live monitor has time for. A
process of its own writes the report. It is timed from the command to its end, imports included.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, insert

from benchmarks.measurement import Measurement, MeasurementSettings, run
from keyhole.metrics.thumbnails import SIDES
from keyhole.presentation import attacks
from monitor.database import FrameRow, RecoveryRow, ScaleRow, ScoreRow, open_database

_STAGES = {"head": 0.01, "encode": 0.001, "uplink": 0.002, "decode": 0.001, "tail": 0.02, "downlink": 0.002}
_MODEL = {"target": "resnet18-streetcam", "cut": "layer2", "codec": "fp32", "defence": "none"}
_SHOWN = (("pixels-black", ""), (attacks.BLIND, "mean"), (attacks.BLIND, "flat"))
_FULL = 128
AIMED, MOST = 100_000, 10.0
"""Frames of a run, and the CPU-seconds that its report may take."""


@dataclass(frozen=True)
class ReportsSettings(MeasurementSettings):
    """Time the reports of runs of several lengths."""

    frames: tuple[int, ...] = (1_000, 20_000, 100_000)
    """Scored frames of each run, from the shortest to the longest."""


@dataclass(frozen=True)
class ReportsRow:
    """CPU-seconds and MiB of a report, and the milliseconds of each frame more than the shortest run has."""

    frames: int
    seconds: float
    mib: float
    further: float
    aim: str = ""
    met: str = ""


def make_run(folder: Path, frames: int) -> None:
    """A run of so many frames in a folder's database."""
    engine = open_database(folder)
    with engine.begin() as connection:
        connection.execute(insert(FrameRow), [_frame(number) for number in range(frames)])
    _score(engine, frames)
    engine.dispose()


def _frame(number: int) -> dict[str, Any]:
    made = {
        "id": number + 1,
        "frame_id": f"edge-0-{number}",
        "label": "van",
        "prediction": "van",
        "payload_bytes": 4096,
    }
    times = {"captured_at": number / 20, "concluded_at": number / 20 + 0.04}
    return {**made, **_MODEL, **times, "edge": "edge-0", "link": "none", "cloud": "cloud", "stages": _STAGES}


def _score(engine: Engine, frames: int) -> None:
    scores = list(_scores(frames))
    read = {"plate": ["AB12CD", "AB13CE"], "attributes": {"hat": ["none", "cap"]}, "gallery": 50}
    sides = [*(side for side in SIDES if side < _FULL), _FULL]
    scale = {"full": _FULL, "sides": sides, "scores": {"ssim": [[0.3 + 0.04 * at] for at in range(len(sides))]}}
    seen = [row["id"] for row in scores if row["attack"] != attacks.BLIND]
    with engine.begin() as connection:
        connection.execute(insert(ScoreRow), scores)
        connection.execute(insert(RecoveryRow), [{"score": at, "identified": at % 2 == 0, **read} for at in seen])
        connection.execute(insert(ScaleRow), [{"frame": at + 1, "scale": scale} for at in range(0, frames, 4)])


def _scores(frames: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(0)
    facts = {"knowledge": "black box", "tap": "cloud", "seed": 0, "iteration": 100, "seconds": 0.01, "final": True}
    for number in range(frames):
        for place, (attack, rung) in enumerate(_SHOWN):
            ids = {"id": len(_SHOWN) * number + place + 1, "frame": number + 1, "frame_id": f"edge-0-{number}"}
            told = {"attack": attack, "rung": rung, "at": number / 20 + 0.05, "metrics": {}}
            values = {"psnr": 15 + draw.random(), "ssim": 0.4 + 0.2 * draw.random()}
            yield {**ids, **_MODEL, **facts, **told, **values}


def measure(frames: int) -> tuple[float, float]:
    """CPU-seconds of ``keyhole report`` on a run of so many frames, and the most memory that it had, in MiB."""
    with TemporaryDirectory() as folder:
        make_run(Path(folder), frames)
        script = "import resource, sys; from keyhole.cli import dispatch; dispatch(['report', sys.argv[1]], {}); "
        script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        before = _children()
        told = subprocess.run([sys.executable, "-c", script, folder], check=True, capture_output=True, text=True)
        return _children() - before, int(told.stdout.split()[-1]) / 1024


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measurement(settings: ReportsSettings) -> Measurement:
    """The measurement, a row for each length."""
    rows: list[ReportsRow] = []
    for frames in settings.frames:
        started = time.perf_counter()
        seconds, mib = measure(frames)
        more, longer = (seconds - rows[0].seconds, frames - rows[0].frames) if rows else (0.0, 1)
        aimed = (f"≤ {MOST:g} s", "yes" if seconds <= MOST else "no") if frames == AIMED else ()
        rows.append(ReportsRow(frames, seconds, mib, 1e3 * more / longer, *aimed))
        print(f"{frames} frames: {time.perf_counter() - started:.0f} s with the making of the run", file=sys.stderr)
    return Measurement.of(
        rows,
        "The report of a long run",
        """CPU-seconds of `keyhole report`, imports included, on runs of one attack, a blind attacker with two pictures
        and a judge, each frame scored; beside them what each frame more than in the first run takes.""",
        {
            "frames": ("frames", ","),
            "CPU s": ("seconds", ".1f"),
            "MiB": ("mib", ".0f"),
            "ms a further frame": ("further", ".3f"),
            "aim": ("aim", ""),
            "met": ("met", ""),
        },
        "python -m benchmarks.reports",
    )


if __name__ == "__main__":
    run(ReportsSettings, measurement)
