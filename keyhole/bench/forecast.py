"""Forecast of a sweep's time: a first guess from the models' speed on this machine, mended by cells that ended.

The constants are rough and were measured on two cores. The time left while a run goes on rests on its own cells.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from keyhole.attacks.entry import Cost
from keyhole.bench.axes import AccuracyCell, Cell, LatencyCell, LeakCell, ScaleCell, TrainingSetCell
from keyhole.bench.class_plan import pictured
from keyhole.bench.executor import Finished
from keyhole.bench.links import emulated_link
from keyhole.bench.plan import SweepPlan
from keyhole.bench.records import BASELINES, Design
from keyhole.bench.sweep import SurveyedTarget, cut_of
from keyhole.partition.cut_points import payload_bytes
from keyhole.sizes import height_width
from keyhole.terminal import described

CELL_SECONDS = 1.0
"""Seconds of any cell: the model is cut and proven."""
SCALE_SECONDS = 60.0
"""Seconds of a scale: the judge reads a hundred pictures at a dozen sizes, and four metrics score them."""
CLASSES_SECONDS = 10.0
"""Seconds of an attack on classes beside its own: the first in a process reads pictures, and a judge sees them all."""
PROCESSES_SECONDS = 12.0
"""Seconds in which an edge and a cloud start and end."""


@dataclass(frozen=True)
class CostForecast:
    """A first guess for every cell.

    Attributes:
        plan: of the run.
        forwards: seconds of the whole model for one picture, by target.
    """

    plan: SweepPlan
    forwards: Mapping[str, float]

    @classmethod
    def measured(cls, plan: SweepPlan) -> CostForecast:
        """A forecast by the models' speed on this machine, which is measured here."""
        return cls(plan, {name: _forward(model, plan.settings.threads) for name, model in plan.models.items()})

    def seconds(self, cell: Cell) -> float:
        """Seconds that a cell takes."""
        scale, forward = self.plan.settings.scale, self.forwards[cell.design.target]
        if isinstance(cell, LatencyCell):
            frames = scale.frames + scale.warm_up
            return frames * forward if not cell.link else PROCESSES_SECONDS + frames * self._crossing(cell, forward)
        if isinstance(cell, AccuracyCell):
            known = self.plan.models[cell.design.target]
            pictures = scale.pictures if known.answers == "classes" else scale.vehicles * scale.views
            return CELL_SECONDS + pictures * forward
        if isinstance(cell, LeakCell):
            return CELL_SECONDS + self._attack(cell, forward)
        if isinstance(cell, TrainingSetCell):
            return CLASSES_SECONDS + self._class_attack(cell, forward)
        return SCALE_SECONDS if isinstance(cell, ScaleCell) else CELL_SECONDS

    def _crossing(self, cell: LatencyCell, forward: float) -> float:
        """Seconds of a frame on the edge, on the link and in the cloud."""
        over = emulated_link(cell.link)
        profile = over.profile
        tensors = self.plan.models[cell.design.target].profiles[cut_of(cell.design)].point.tensors
        slower = (over.slowdown - 1) * self._share(cell.design)
        link = 2 * profile.delay + 8 * payload_bytes(tensors, cell.design.codec) / profile.up
        return forward * (1 + slower) + link

    def _share(self, design: Design) -> float:
        """Share of the model's work that the head does."""
        profiles = self.plan.models[design.target].profiles
        whole = max(found.head_macs for found in profiles.values())
        return profiles[cut_of(design)].head_macs / whole if whole else 1.0

    def _attack(self, cell: LeakCell, forward: float) -> float:
        attack, share = self.plan.attacks[cell.attack], self._share(cell.design)
        cost, spend = attack.cost, attack.spend(self.plan.settings.preset)
        rounds = 1 if attack.recipe.learns else spend.n
        steps = rounds * spend.iterations * _step(cost, share * forward, forward)
        prepared = attack.recipe.prepares * _step(attack.preparing, share * forward, forward)
        return prepared + steps + spend.n * cost.picture_seconds

    def _class_attack(self, cell: TrainingSetCell, forward: float) -> float:
        """Seconds of an attack on classes, as `keyhole invert` counts them: without a training or fit before."""
        attack, terms = self.plan.class_attacks.get(cell.attack), self.plan.inversion
        if attack is None or terms is None:
            return 0.0  # rows of public and of real pictures, which are made of nothing
        classes = len(pictured(terms, self.plan.models[cell.target].target.labels))
        return attack.seconds(attack.recipe.iterations, forward, classes, terms.pictures)


@dataclass
class RemainingTime:
    """The time left. Guesses are scaled by how wrong the guesses of ended cells of the same kind were.

    Attributes:
        forecast: first guesses.
        workers: that measure at once, latencies excepted.
    """

    forecast: CostForecast
    workers: int
    _taken: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def count(self, cell: Cell, seconds: float) -> None:
        """A cell ended after so many seconds."""
        self._taken[_error_group(cell)].append((self.forecast.seconds(cell), seconds))

    def seconds(self, cells: Iterable[Cell]) -> float:
        """Seconds of cells that are still to be measured."""
        return sum(self._one(cell) / (1 if isinstance(cell, LatencyCell) else self.workers) for cell in cells)

    def _one(self, cell: Cell) -> float:
        guess = self.forecast.seconds(cell)
        taken = self._taken.get(_error_group(cell))
        if not taken:
            return guess
        return guess * sum(real for _, real in taken) / sum(guessed for guessed, _ in taken)


class SweepProgress:
    """Progress of a sweep: a bar in a terminal, a line for each cell elsewhere. A context manager.

    Args:
        console: where to.
        cells: that are to be measured.
        remaining: the time that they take; learns from each.
    """

    def __init__(self, console: Console, cells: Sequence[Cell], remaining: RemainingTime) -> None:
        self._console, self._remaining = console, remaining
        self._left, self._count = dict.fromkeys(cells), len(cells)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells"), TimeElapsedColumn())
        self._bars = Progress(*columns, described(), console=console)
        self._task = self._bars.add_task(self._time, total=self._count)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def ended(self, finished: Finished) -> None:
        """A cell ended."""
        del self._left[finished.cell]
        if finished.record is not None:
            self._remaining.count(finished.cell, finished.seconds)
        self._bars.update(self._task, advance=1, description=self._time)
        if not self._console.is_terminal:
            how = "failed" if finished.record is None else f"{finished.seconds:.1f} s"
            place = f"{self._count - len(self._left)}/{self._count}"
            self._console.print(f"{place}  {finished.cell.name}: {how}; {self._time}", soft_wrap=True)

    @property
    def _time(self) -> str:
        return f"about {duration_text(self._remaining.seconds(self._left))} left"


def duration_text(seconds: float) -> str:
    """A duration in seconds, minutes or hours, whichever reads best.

    >>> duration_text(42), duration_text(600), duration_text(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _step(cost: Cost, head: float, whole: float) -> float:
    """Seconds of a step, given those of a picture through the head and through the whole model."""
    return cost.forwards * (whole if cost.whole else head) + cost.step_seconds


def _error_group(cell: Cell) -> str:
    """Cells whose guesses are wrong by the same factor."""
    if isinstance(cell, LeakCell | TrainingSetCell):
        return f"{cell.kind} {cell.attack}"
    if isinstance(cell, LatencyCell) and cell.design.cut in BASELINES:
        return f"{cell.kind} {cell.design.cut}"
    return cell.kind


@torch.inference_mode()
def _forward(model: SurveyedTarget, threads: int) -> float:
    """Seconds of the whole model for one picture, the median of five."""
    torch.set_num_threads(threads)
    picture = torch.zeros(1, 3, *height_width(model.target.preprocess.size))
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        model.target.model(picture)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
