"""What the scores of reconstructions mean: between the blind attacker's and those of the true pictures' thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.progress import Progress
from torch import Tensor

from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.blind import RECIPES, BlindPictures
from keyhole.evaluation.judged import Examiner, ReadShare
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.scale import kept_scale
from keyhole.evaluation.scores import COMPARED, UNIT, Scores, Standing, average, score, score_set
from keyhole.evaluation.settings import OfflineSettings
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean, Units
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.sizes import size_of


@dataclass(frozen=True)
class Floor:
    """What the blind attacker gets, by recipe.

    Attributes:
        shown: the picture of each recipe, 3×H×W.
        left_out: why a recipe shows nothing.
        scores: one for each picture that is attacked.
        sets: values of all pictures together.
        read: what the judge read right, see `Standing`.
        units: of the pictures.
    """

    shown: Mapping[str, Tensor]
    left_out: Mapping[str, str]
    scores: Mapping[str, Sequence[Scores]]
    sets: Mapping[str, Scores]
    read: Mapping[str, Mapping[str, ReadShare]]
    units: Units = None

    def mean(self, recipe: str, metric: Metric) -> Mean:
        """Mean of a recipe's scores; a value of the set has no interval."""
        if metric.scope == "set":
            return Mean(self.sets[recipe][metric.name], None)
        return Mean.of([one[metric.name] for one in self.scores[recipe]], self.units)

    def best(self, metric: Metric) -> str:
        """The recipe that gets most by a metric."""
        return max(self.shown, key=lambda recipe: metric.leak(self.mean(recipe, metric).mean))

    def of(self, metric: Metric) -> list[float]:
        """Scores of the recipe that gets most, one for each picture."""
        return [one[metric.name] for one in self.scores[self.best(metric)]]

    def best_read(self, secret: str) -> str:
        """The recipe from whose picture the judge reads most of a secret."""
        return max(self.read, key=lambda recipe: self.read[recipe][secret].value)

    @property
    def count(self) -> int:
        """Pictures that are attacked."""
        return len(next(iter(self.scores.values())))

    @property
    def guessing(self) -> dict[str, float]:
        """The share that is right by guessing, of each secret that there is to read."""
        return {secret: found.guessing for secret, found in next(iter(self.read.values()), {}).items()}


@dataclass(frozen=True)
class Yardstick:
    """What reconstructions of some pictures are measured by.

    Attributes:
        truths: the pictures, N×3×H×W.
        asked: metrics that were asked for.
        scale: of the pictures' thumbnails, by all metrics of single pictures.
        floor: what the blind attacker gets.
        examiner: None where nothing is there to read, or nobody to read it.
    """

    truths: Tensor
    asked: Sequence[Metric]
    scale: ThumbnailScale
    floor: Floor
    examiner: Examiner | None

    @classmethod
    def ready(
        cls, settings: OfflineSettings, attacked: Attacked, seed: int, metrics: Sequence[Metric], bars: Progress
    ) -> Yardstick:
        """Measure the pictures, or read what an earlier run measured.

        Args:
            settings: of the run.
            attacked: the pictures.
            seed: that chose them.
            metrics: that were asked for.
            bars: gets one for each part.

        Raises:
            UsageError: no such public pictures.
        """
        truths, shelf = attacked.pictures, Shelf(settings.out)
        size = size_of(*truths.shape[-2:])

        def bar(name: str, total: int) -> Callable[[], object]:
            task = bars.add_task(name, total=total)
            return lambda: bars.advance(task)

        blind = BlindPictures.made(settings, size, seed, shelf, bar("blind attacker", RECIPES))
        scale = kept_scale(truths, scored_by(metrics), shelf, lambda total: bar("thumbnails", total))
        examiner = None
        if settings.judge:
            examiner = Examiner.ready(
                settings,
                attacked.samples,
                size,
                seed,
                shelf,
                lambda total: bar("vehicles for the judge", total),
                attacked.units,
            )
        floor = _floor(blind, truths, metrics, examiner, attacked.units)
        return cls(truths, metrics, scale, floor, examiner)

    @property
    def units(self) -> Units:
        """Of the pictures."""
        return self.floor.units

    @property
    def beside(self) -> tuple[str, ...]:
        """Metrics that are scored for the unit alone."""
        return tuple({UNIT.name} - {metric.name for metric in self.asked})

    def scores(self, pictures: Tensor) -> list[Scores]:
        """Scores of reconstructions N×3×H×W, one for each."""
        return score(pictures, self.truths, (*self.asked, UNIT))

    def standing(self, by_seed: Mapping[int, Sequence[Scores]], pictures: Sequence[Tensor]) -> Standing:
        """What scores mean.

        Args:
            by_seed: scores of an attack, one for each picture.
            pictures: its reconstructions, N×3×H×W for each seed.
        """
        mine = [average(same) for same in zip(*by_seed.values(), strict=True)]
        thumbnails, above = {}, {}
        for metric in scored_by(self.asked):
            leaks = [min(scores[metric.name], metric.ceiling) for scores in mine]
            blind = [min(value, metric.ceiling) for value in self.floor.of(metric)]
            thumbnails[metric.name] = self.scale.equivalent(metric.name, leaks, blind, self.units)
            above[metric.name] = Mean.of([one - other for one, other in zip(leaks, blind, strict=True)], self.units)
        return Standing(thumbnails, above, self.examiner.read(pictures) if self.examiner else {})


def scored_by(asked: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics that each picture is scored by: those that were asked for, and what is always scored."""
    every = {metric.name: metric for metric in (*asked, UNIT, COMPARED)}
    return tuple(metric for metric in every.values() if metric.scope == "picture")


def _floor(
    blind: BlindPictures, truths: Tensor, metrics: Sequence[Metric], examiner: Examiner | None, units: Units
) -> Floor:
    shown = {recipe: picture.expand_as(truths) for recipe, picture in blind.shown.items()}
    return Floor(
        blind.shown,
        blind.left_out,
        {recipe: score(pictures, truths, (*metrics, UNIT)) for recipe, pictures in shown.items()},
        {recipe: score_set(pictures, truths, metrics) for recipe, pictures in shown.items()},
        {recipe: examiner.read([pictures]) for recipe, pictures in shown.items()} if examiner else {},
        units,
    )
