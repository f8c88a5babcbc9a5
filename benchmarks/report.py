"""Report of every measurement of the code's own speed: docs/performance.md."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import tyro

from benchmarks.measurement import Measurement
from keyhole.bench.provenance import facts

Name = Literal["split", "wire", "tap", "edges", "rungs", "passes", "workers", "reports", "start"]
NAMES: tuple[Name, ...] = get_args(Name)
FACTS = ("machine", "versions")
HEAD = """# Performance

Speed as ratios of two ways that took turns on one machine, made by `make perf`; absolute times are that machine's."""
_SECTION = re.compile(r"^## .*?^`python -m benchmarks\.(\w+)`.*?$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class PerformanceReportSettings:
    """Measure the code's own speed, as ratios, and write docs/performance.md. Leave the machine idle meanwhile.

    The page is written after each measurement; what `--only` leaves out stays on it as it was.
    """

    only: tuple[Name, ...] = NAMES
    """What to measure."""
    page: Path = Path("docs/performance.md")
    """The page to write."""


def section(told: Measurement, about: Mapping[str, str]) -> str:
    """What the page says of one measurement, and on which machine it was taken."""
    return f"{told.markdown().rstrip()} on {'; '.join(about[name] for name in FACTS)}."


def sections(page: str) -> dict[str, str]:
    """What a page says of each measurement, by the name of its module."""
    return {found[1]: found[0] for found in _SECTION.finditer(page)}


def render(told: Mapping[str, str]) -> str:
    """The page, its sections in the order of `NAMES`."""
    return "\n\n".join([HEAD, *(told[name] for name in NAMES if name in told)]) + "\n"


def measure(name: Name) -> Measurement:
    """Take one measurement in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--json", str(told)], check=True)
        return Measurement.load(told)


def main(settings: PerformanceReportSettings) -> None:
    """Measure each, and write the page after each.

    Raises:
        subprocess.CalledProcessError: a measurement failed.
    """
    settings.page.parent.mkdir(parents=True, exist_ok=True)
    for name in settings.only:
        before = settings.page.read_text() if settings.page.is_file() else ""
        settings.page.write_text(render(sections(before) | {name: section(measure(name), facts())}))
        print(f"wrote {name} to {settings.page}")


if __name__ == "__main__":
    main(tyro.cli(PerformanceReportSettings))
