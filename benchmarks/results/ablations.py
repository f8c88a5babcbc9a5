"""Ablations of the feature-inversion paper: sampler (Table 3), training pictures (Fig. 20 b), losses (Fig. 12)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.results.courses import Looks, course_keys, course_panel, heights
from benchmarks.results.designs import CUT, ROOM, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Curve, Key, around

CUTS = (ROOM, CUT)
_LOOKS: Looks = {ROOM: ("#2fae7d", "circle"), CUT: ("#7d8ff0", "square")}


@dataclass(frozen=True)
class Varied:
    """A setting that is varied.

    Attributes:
        over: its name, as for `keyhole ablation --over`.
        title: of the chart.
        values: of it.
        attacks: that it means something to.
    """

    over: str
    title: str
    values: tuple[int, ...]
    attacks: tuple[str, ...]


VARIED = (
    Varied(
        "sampling-steps",
        "SSIM over the steps of the sampler",
        (10, 15, 20, 25, 30),
        ("diffusion-white/noise", "diffusion-black/noise"),
    ),
    Varied(
        "queries",
        "SSIM over the pictures that black boxes learn from",
        (512, 1024, 2048, 4096),
        ("pixels-black", "decoder-black", "diffusion-black"),
    ),
)
CURVES = ("pixels-white/paper", "decoder-white/paper", "diffusion-white/paper")
"""DO, DB and DMB as the paper has them, whose losses are sums of squares, DMB with a sampler of four steps."""
_SHORT = ("--sampling-steps", "4")
_FEW = 8
"""Pictures of a curve."""
TOLD = (1, 10, 100, 500, 1000, 1500)
"""Steps whose losses the table tells."""


@dataclass(frozen=True)
class Ablations:
    """A table and a chart for each setting that is varied, and of losses.

    Attributes:
        world: sizes and budgets.
    """

    world: World

    @cached_property
    def scored(self) -> dict[tuple[str, str], Step]:
        """By setting and attack."""
        return {
            (varied.over, attack): self._step(
                varied.over, attack, varied.values, self.world.black if "-black" in attack else self.world.white
            )
            for varied in VARIED
            for attack in varied.attacks
        }

    @cached_property
    def curves(self) -> dict[str, Step]:
        """By attack."""
        few = {attack: _SHORT if attack.startswith("diffusion") else () for attack in CURVES}
        return {attack: self._step("iterations", attack, TOLD[-1:], _FEW, few[attack]) for attack in CURVES}

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (*self.scored.values(), *self.curves.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured, and each chart's place in the page."""
        places = {chart.name: f"![{chart.title}]({chart.name}.png)" for chart in self.charts(root)}
        told = {varied.over: self._scores(varied, root) for varied in VARIED} | {"losses": self._losses(root)}
        names = {f"ablation-{name}": text for name, text in told.items()}
        return {name: "\n\n".join((text, *filter(None, [places.get(name)]))) for name, text in names.items()}

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """A chart of each table of which something is measured."""
        return tuple(
            filter(None, (*(_chart(varied, self._found(varied, root)) for varied in VARIED), self._drawn(root)))
        )

    def _step(self, over: str, attack: str, values: Sequence[int], count: int, more: tuple[str, ...] = ()) -> Step:
        told = ("ablation", "--target", "resnet18-streetcam", *self.world.model, "--attack", attack, "--cuts", *CUTS)
        varied = ("--over", over, "--values", *map(str, values), "--n", str(count), "--batch", "8", "--no-judge", *more)
        return Step(f"ablation-{over}-{attack.replace('/', '-')}", "scores", (*told, *varied))

    def _found(self, varied: Varied, root: Path) -> dict[tuple[str, str, int], Leak]:
        """By attack, cut and value, as far as they are measured."""
        runs = {
            attack: step.scores(root)
            for attack in varied.attacks
            if (step := self.scored[varied.over, attack]).done(root)
        }
        return {
            (attack, _cut(row), row[varied.over]): Leak.of([{**run, "rows": [row]}])
            for attack, run in runs.items()
            for row in run["rows"]
        }

    def _scores(self, varied: Varied, root: Path) -> str:
        found = self._found(varied, root)
        rows = [
            [f"`{attack}`", str(value), *(_cell(found.get((attack, cut, value))) for cut in CUTS)]
            for attack, value in product(varied.attacks, varied.values)
        ]
        return table(["attack", varied.over.replace("-", " "), *(f"`{cut}`" for cut in CUTS)], rows)

    def _curves(self, root: Path) -> dict[tuple[str, str], list[float]]:
        """Losses by attack and cut."""
        runs = {attack: step.scores(root) for attack, step in self.curves.items() if step.done(root)}
        return {(attack, _cut(row)): row["losses"] for attack, run in runs.items() for row in run["rows"]}

    def _losses(self, root: Path) -> str:
        found = self._curves(root)
        rows = [
            [f"`{attack}`, `{cut}`", *(_share(found.get((attack, cut)), step) for step in TOLD)]
            for attack, cut in product(CURVES, CUTS)
        ]
        return table(["loss of what it is at the first step", *(f"step {step}" for step in TOLD)], rows)

    def _drawn(self, root: Path) -> Chart | None:
        found = {key: _shares(losses) for key, losses in self._curves(root).items()}
        if not found:
            return None
        longest = max(len(shares) for shares in found.values())
        logs = {key: [(step, math.log10(share)) for step, share in shares] for key, shares in found.items()}
        span = around([level for points in logs.values() for _, level in points])
        ticks = tuple(
            (float(power), f"{10.0**power:g}") for power in range(math.ceil(span[0]), math.floor(span[1]) + 1)
        )
        panels = tuple(
            ChartPanel(
                attack,
                ChartAxis("step", (0.0, float(longest))),
                ChartAxis("loss over that of the first step", span, ticks),
                curves=tuple(
                    Curve(cut, _LOOKS[cut][0], tuple(logs[attack, cut])) for cut in CUTS if (attack, cut) in logs
                ),
            )
            for attack in CURVES
            if any(name == attack for name, _ in logs)
        )
        keys = tuple(Key(cut, colour, dash="solid") for cut, (colour, _) in _LOOKS.items())
        reading = "The mean over the pictures that got so far."
        return Chart("ablation-losses", "Losses of white boxes over their steps", reading, panels, keys)


def _chart(varied: Varied, found: Mapping[tuple[str, str, int], Leak]) -> Chart | None:
    if not found:
        return None
    height = heights(found.values())
    ticks = tuple((float(value), str(value)) for value in varied.values)
    across = ChartAxis(varied.over.replace("-", " "), around([float(value) for value in varied.values]), ticks)
    panels = tuple(
        course_panel(attack, across, height, courses, _LOOKS)
        for attack in varied.attacks
        if (courses := _courses(attack, varied, found))
    )
    keys = course_keys(_LOOKS)
    reading = "Bars are 95 % intervals over the pictures."
    return Chart(f"ablation-{varied.over}", varied.title, reading, panels, keys)


def _courses(attack: str, varied: Varied, found: Mapping[tuple[str, str, int], Leak]) -> dict[str, dict[float, Leak]]:
    """By cut, leaks by value."""
    courses = {
        cut: {float(value): found[attack, cut, value] for value in varied.values if (attack, cut, value) in found}
        for cut in CUTS
    }
    return {cut: leaks for cut, leaks in courses.items() if leaks}


def _cut(row: Mapping[str, Any]) -> str:
    return str(row["cut"]).partition(".")[0]


def _cell(leak: Leak | None) -> str:
    return score_text(leak) if leak else NOT_YET


def _shares(losses: Sequence[float]) -> list[tuple[int, float]]:
    return [(step, loss / losses[0]) for step, loss in enumerate(losses, 1) if loss > 0]


def _share(losses: Sequence[float] | None, step: int) -> str:
    if losses is None:
        return NOT_YET
    return f"{losses[step - 1] / losses[0]:.3g}" if step <= len(losses) else "–"
