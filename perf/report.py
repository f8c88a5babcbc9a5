"""Every measurement of the code's own speed, and the page that tells them: docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from bench.about import facts
from perf import edges, rungs, split, tap, wire, workers
from perf.measurement import Measurement

Name = Literal["split", "wire", "tap", "edges", "rungs", "workers"]
MEASUREMENTS: Mapping[Name, Callable[[], Measurement]] = {
    "split": lambda: split.measurement(split.Settings()),
    "wire": lambda: wire.measurement(wire.Settings()),
    "tap": lambda: tap.measurement(tap.Settings()),
    "edges": lambda: edges.measurement(edges.Settings()),
    "rungs": lambda: rungs.measurement(rungs.Settings()),
    "workers": lambda: workers.measurement(workers.Settings()),
}
FACTS = ("machine", "versions")


@dataclass(frozen=True)
class Settings:
    """Measure the code's own speed, as ratios, and write docs/performance.md. Leave the machine idle meanwhile.

    Each measurement is kept as JSON; `--only` takes some of them again and writes the page with all.
    """

    only: tuple[Name, ...] = tuple(MEASUREMENTS)
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
    """Measure, print, keep, and write the page."""
    console = Console()
    for name in settings.only:
        measured = MEASUREMENTS[name]()
        console.print(measured.table())
        measured.save(settings.folder / f"{name}.json")
    kept = [settings.folder / f"{name}.json" for name in MEASUREMENTS]
    told = [Measurement.load(path) for path in kept if path.is_file()]
    settings.page.parent.mkdir(parents=True, exist_ok=True)
    settings.page.write_text(page(told, {name: facts()[name] for name in FACTS}))
    console.print(f"wrote {settings.page}")


if __name__ == "__main__":
    main(tyro.cli(Settings))
