"""How long a black box learns: its score after each doubling of its steps, and where more steps add nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.results.courses import BLIND, Looks, blind_level, course_keys, course_panel, heights
from benchmarks.results.designs import World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak
from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.charts.chart import Chart, ChartAxis, around

ATTACKS = ("pixels-black", "decoder-black")
CUTS = ("layer1", "layer2", "layer3", "layer4")
COUNTS = (150, 300, 600, 1200, 2400)
CONVERGED = 0.005
"""SSIM that a doubling of the steps moves a converged attack by at most."""
_LOOKS: Looks = {
    "layer1": ("#2fae7d", "circle"),
    "layer2": ("#7d8ff0", "square"),
    "layer3": ("#d0763f", "triangle"),
    "layer4": ("#c46fc9", "diamond"),
}
Course = Mapping[int, Leak]
"""What leaks after so many steps of one training, ascending."""


@dataclass(frozen=True)
class Learning:
    """One table and one chart: each black box at each cut, after several numbers of steps of one training.

    Attributes:
        world: sizes and budgets.
        counts: steps after which it is scored, each twice the one before.
    """

    world: World
    counts: tuple[int, ...] = COUNTS

    @cached_property
    def courses(self) -> dict[tuple[str, str], Step]:
        """By attack and cut."""
        return {(attack, cut): self._course(attack, cut) for attack in ATTACKS for cut in CUTS}

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(self.courses.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured, what it says, and the chart's place in the page."""
        found = self._found(root)
        headings = ["attack", "steps", *(f"`{cut}`" for cut in CUTS)]
        rows = [
            [f"`{attack}`", str(count), *(_cell(found.get((attack, cut)), count) for cut in CUTS)]
            for attack in ATTACKS
            for count in self.counts
        ]
        blind = (
            blind_level(leak for attack in ATTACKS for leak in found.get((attack, cut), {}).values()) for cut in CUTS
        )
        rows.append([BLIND, "", *(f"{level:.3f}" if level is not None else NOT_YET for level in blind)])
        told = [f"- `{attack}` at `{cut}`: {verdict(leaks)}{_ends(leaks)}." for (attack, cut), leaks in found.items()]
        image = [f"![{chart.title}]({chart.name}.png)" for chart in self.charts(root)]
        return {"learning": "\n\n".join((table(headings, rows), *(["\n".join(told)] if told else []), *image))}

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """SSIM over the steps, a panel for each attack; none where nothing is measured."""
        found = self._found(root)
        if not found:
            return ()
        height = heights(leak for leaks in found.values() for leak in leaks.values())
        places = tuple((math.log2(count), str(count)) for count in self.counts)
        across = ChartAxis("steps of training", around([place for place, _ in places]), places)
        panels = tuple(
            course_panel(attack, across, height, courses, _LOOKS)
            for attack in ATTACKS
            if (courses := _doublings(attack, found))
        )
        keys = course_keys(_LOOKS)
        reading = "Bars are 95 % intervals over the pictures; where a line is level, more steps add nothing."
        return (Chart("learning", "SSIM of black boxes over the steps of their training", reading, panels, keys),)

    def _course(self, attack: str, cut: str) -> Step:
        told = (
            "ablation",
            "--target",
            "resnet18-streetcam",
            *self.world.model,
            "--attack",
            attack,
            "--cuts",
            cut,
            "--n",
            str(self.world.black),
        )
        over = ("--batch", "20", "--no-judge", "--over", "iterations", "--values", *map(str, self.counts))
        return Step(f"learning-{attack}-{cut}", "scores", (*told, *over))

    def _found(self, root: Path) -> dict[tuple[str, str], Course]:
        return {place: course(step.scores(root)) for place, step in self.courses.items() if step.done(root)}


def course(run: Mapping[str, Any]) -> Course:
    """The leak after each number of steps.

    Args:
        run: JSON of `keyhole ablation --over iterations` at one cut.
    """
    by_count = {row["iterations"]: Leak.of([{**run, "rows": [row]}]) for row in run["rows"]}
    return dict(sorted(by_count.items()))


def gain(leaks: Course, count: int) -> Mean | None:
    """SSIM more than after half as many steps, picture by picture; None where that was not scored."""
    half = leaks.get(count // 2) if count % 2 == 0 else None
    return half.less(leaks[count], HEADLINE) if half else None


def verdict(leaks: Course) -> str:
    """From how many steps on each further doubling moves the score by less than `CONVERGED`, in words."""
    gains = {count: more for count in leaks if (more := gain(leaks, count))}
    if not gains:
        return "one number of steps tells nothing of convergence"
    counts = sorted(gains)
    still = [count for count in counts if abs(gains[count].mean) >= CONVERGED]
    if still and still[-1] == counts[-1]:
        return f"not converged at {counts[-1] // 2} steps: {counts[-1]} give {_signed(gains[counts[-1]])}"
    at = still[-1] if still else counts[0] // 2
    later = [gains[count] for count in counts if count > at]
    sure = all(more.interval and max(map(abs, more.interval)) < CONVERGED for more in later)
    doubt = "" if sure else f", by the mean; the interval reaches over {CONVERGED:g}"
    return f"converged at {at} steps: {2 * at} give {_signed(later[0])}{doubt}"


def _cell(leaks: Course | None, count: int) -> str:
    if leaks is None:
        return NOT_YET
    more = gain(leaks, count)
    return f"{leaks[count].mean(HEADLINE).text(3)}{f'; {_signed(more)}' if more else ''}"


def _ends(leaks: Course) -> str:
    last = max(leaks)
    thumbnail = leaks[last].thumbnail
    return f"; with {last} steps a thumbnail of {thumbnail.text}" if thumbnail else ""


def _signed(more: Mean) -> str:
    interval = f" [{more.interval[0]:+.3f}, {more.interval[1]:+.3f}]" if more.interval else ""
    return f"{more.mean:+.3f}{interval}"


def _doublings(attack: str, found: Mapping[tuple[str, str], Course]) -> dict[str, dict[float, Leak]]:
    """By cut, leaks by the logarithm of the steps."""
    return {
        cut: {math.log2(count): leak for count, leak in found[attack, cut].items()}
        for cut in CUTS
        if (attack, cut) in found
    }
