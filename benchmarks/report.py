"""Report of every measurement of the code's own speed: docs/performance.md."""

from __future__ import annotations

import os
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
from keyhole.service.errors import UsageError

Name = Literal[
    "split", "wire", "tap", "edges", "rungs", "passes", "workers", "reports", "start", "commands", "runtimes"
]
NAMES: tuple[Name, ...] = get_args(Name)
BESIDE: tuple[Name, ...] = ("start", "commands")
"""Measurements that take turns with another checkout themselves."""
HERE = Path(__file__).resolve().parents[1]
FACTS = ("machine", "versions")
HEAD = """# Performance

Speed as ratios of two ways that took turns on one machine, made by `make perf`; absolute times are that machine's."""
_SECTION = re.compile(r"^## .*?^`python -m benchmarks\.(\w+)`.*?$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class PerformanceReportSettings:
    """Measure the code's own speed, as ratios, and write docs/performance.md. Leave the machine idle meanwhile.

    Each row has its aim and whether it is met.

    The page is written after each measurement; what `--only` leaves out stays on it as it was.
    """

    only: tuple[Name, ...] = NAMES
    """What to measure."""
    page: Path = Path("docs/performance.md")
    """The page to write."""
    against: Path | None = None
    """Folder of another checkout of Keyhole, such as the last release's, whose own scripts measure it after this one's,
    in this one's environment; what it has no script for is left out."""


def section(told: Measurement, about: Mapping[str, str], other: Measurement | None = None) -> str:
    """What the page says of one measurement, and on which machine it was taken.

    Args:
        told: of this build.
        about: the machine and the versions.
        other: the same of another build, which stands below it.
    """
    parts = told.title_and_how, told.rows_as_markdown, *(("The other build:", other.rows_as_markdown) if other else ())
    return "\n\n".join((*parts, f"`{told.command}` on {'; '.join(about[name] for name in FACTS)}."))


def sections(page: str) -> dict[str, str]:
    """What a page says of each measurement, by the name of its module."""
    return {found[1]: found[0] for found in _SECTION.finditer(page)}


def render(told: Mapping[str, str]) -> str:
    """The page, its sections in the order of `NAMES`."""
    return "\n\n".join([HEAD, *(told[name] for name in NAMES if name in told)]) + "\n"


def measure(name: Name, checkout: Path = HERE, against: Path | None = None) -> Measurement:
    """Take one measurement in a process of its own.

    Args:
        name: of its module.
        checkout: whose it is.
        against: another checkout, for those that take turns with one themselves.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(told)]
        command += ["--against", str(against)] if against else []
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        subprocess.run(command, check=True, cwd=checkout, env=environment)
        return Measurement.load(told)


def both(name: Name, against: Path | None) -> tuple[Measurement, Measurement | None]:
    """A measurement of this build, and of another where one is given that can be measured so.

    Raises:
        subprocess.CalledProcessError: one failed.
    """
    if against is None or name in BESIDE:
        return measure(name, against=against), None
    there = (against / "benchmarks" / f"{name}.py").is_file()
    return measure(name), measure(name, against) if there else None


def main(settings: PerformanceReportSettings) -> None:
    """Measure each, and write the page after each.

    Raises:
        UsageError: the other checkout is none.
        subprocess.CalledProcessError: a measurement failed.
    """
    against = settings.against.resolve() if settings.against else None
    if against and not (against / "benchmarks").is_dir():
        raise UsageError(f"--against {settings.against}: expected a checkout of Keyhole, with its folder benchmarks")
    settings.page.parent.mkdir(parents=True, exist_ok=True)
    for name in settings.only:
        before = settings.page.read_text() if settings.page.is_file() else ""
        told, other = both(name, against)
        settings.page.write_text(render(sections(before) | {name: section(told, facts(), other)}))
        print(f"wrote {name} to {settings.page}")


if __name__ == "__main__":
    main(tyro.cli(PerformanceReportSettings))
