"""Every measurement of the code's own speed, and the page that tells them: docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import tyro

from bench.about import facts
from perf.measurement import Measurement

Name = Literal["split", "wire", "tap", "edges", "rungs", "workers"]
NAMES: tuple[Name, ...] = get_args(Name)
FACTS = ("machine", "versions")


@dataclass(frozen=True)
class Settings:
    """Measure the code's own speed, as ratios, and write docs/performance.md. Leave the machine idle meanwhile.

    Each measurement is kept as JSON; `--only` takes some of them again and writes the page with all.
    """

    only: tuple[Name, ...] = NAMES
    """What to measure."""
    folder: Path = Path("runs/perf")
    """Where the measurements are kept."""
    page: Path = Path("docs/performance.md")
    """The page to write."""


def page(told: list[Measurement], about: Mapping[str, str]) -> str:
    """The page, as Markdown."""
    head = f"""# Performance

Speed as ratios of two ways that took turns on one machine, made by `make perf`; absolute times are that machine's.
{about["machine"]}; {about["versions"]}.
"""
    return "\n".join([head, *(measured.markdown() for measured in told)])


def main(settings: Settings) -> None:
    """Measure each in a process of its own, keep it, and write the page.

    Raises:
        subprocess.CalledProcessError: a measurement failed.
    """
    for name in settings.only:
        kept = str(settings.folder / f"{name}.json")
        subprocess.run([sys.executable, "-m", f"perf.{name}", "--json", kept], check=True)
    paths = [settings.folder / f"{name}.json" for name in NAMES]
    told = [Measurement.load(path) for path in paths if path.is_file()]
    settings.page.parent.mkdir(parents=True, exist_ok=True)
    settings.page.write_text(page(told, {name: facts()[name] for name in FACTS}))
    print(f"wrote {settings.page}")


if __name__ == "__main__":
    main(tyro.cli(Settings))
