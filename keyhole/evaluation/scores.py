"""Scores of what an attack made of a cut."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.published import Published
from keyhole.evaluation.spent_training import SpentTraining
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean, Units
from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import HEADLINE, Thumbnail
from keyhole.partition import CutPlan
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, check_comparable

Scores = Mapping[str, float]
"""Values of one reconstruction, or of one set of them, by the metric's name."""
COMPARED = METRICS["eq14"]
"""Always scored, because the feature-inversion paper reports it."""
UNIT = METRICS[HEADLINE]
"""The metric that equivalent thumbnails are told by; always scored."""


@dataclass(frozen=True)
class Standing:
    """Where scores stand between knowing nothing and the truth, on the same pictures.

    Attributes:
        thumbnails: equivalent thumbnail by metric.
        above_blind: by metric, the mean of what the scores are more than the blind attacker's, picture by picture.
        read: what the judge read right, by secret, by secret; empty where there is nothing to read, or no judge.
    """

    thumbnails: Mapping[str, Thumbnail]
    above_blind: Mapping[str, Mean]
    read: Mapping[str, ReadShare]


@dataclass(frozen=True)
class EvaluationRow:
    """What an attack made of one cut.

    Attributes:
        attack: the word that named it.
        plan: the cut.
        by_seed: one score per picture, by seed of the attack.
        published: the paper's figures of the same setting, if it has any.
        passes: U-Net passes that each picture took, on average.
        losses: of the attack with the first seed by step, the mean over its batches.
        facts: how it was run.
        sets: values of all pictures together, by seed of the attack.
        beside: metrics that nobody asked for, scored for the equivalent thumbnail alone.
        standing: what the scores mean; None where nothing was measured to compare them with.
        units: of the pictures; those of a unit are not independent.
        prepared: what a training before the first picture took, with the first seed; None: nothing, or not known.
        texts: which of several was kept for each picture, by seed of the attack; empty where there were not several.
    """

    attack: str
    plan: CutPlan
    by_seed: Mapping[int, Sequence[Scores]]
    published: Published | None
    passes: float = 0.0
    losses: Sequence[float] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    sets: Mapping[int, Scores] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    standing: Standing | None = None
    units: Units = None
    prepared: SpentTraining | None = None
    texts: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def scores(self) -> list[Scores]:
        """One per picture, its mean over the seeds: seeds of one picture are no pictures of their own."""
        return [average(same) for same in zip(*self.by_seed.values(), strict=True)]

    def mean(self, metric: str) -> Mean:
        """Mean over the pictures; a value of the set is its mean over the seeds, without an interval."""
        if any(metric in values for values in self.sets.values()):
            return Mean(statistics.fmean(values[metric] for values in self.sets.values()), None)
        return Mean.of([scores[metric] for scores in self.scores], self.units)

    def gain(self, other: EvaluationRow, metric: str) -> Mean:
        """Mean over the same pictures of what a metric is more than in another row, picture by picture."""
        pairs = zip(self.scores, other.scores, strict=True)
        return Mean.of([mine[metric] - theirs[metric] for mine, theirs in pairs], self.units)

    @property
    def name(self) -> str:
        """The cut with its alias."""
        return f"{self.plan.cut} ({self.plan.alias})" if self.plan.alias else self.plan.cut


def strongest(rows: Sequence[EvaluationRow]) -> EvaluationRow | None:
    """The row with the highest mean of the metric that thumbnails are told by; None where none was scored by it."""
    scored = [row for row in rows if UNIT.name in row.scores[0]]
    return max(scored, key=lambda row: row.mean(UNIT.name).mean, default=None)


def score(reconstructions: Tensor, truths: Tensor, metrics: Sequence[Metric]) -> list[Scores]:
    """One per picture, by the metrics of pictures and Eq. 14.

    Args:
        reconstructions: RGB in [0, 1], N×3×H×W.
        truths: same shape.
        metrics: which; those of sets are left out.
    """
    chosen = {metric.name: metric for metric in (*metrics, COMPARED) if metric.scope == "picture"}
    columns = [metric.scores(reconstructions, truths) for metric in chosen.values()]
    return [dict(zip(chosen, values, strict=True)) for values in zip(*columns, strict=True)]


def score_set(reconstructions: Tensor, truths: Tensor, metrics: Sequence[Metric]) -> Scores:
    """Scores of all pictures together, by the metrics of sets; see `score`."""
    return {each.name: each.score_of_set(reconstructions, truths) for each in metrics if each.scope == "set"}


def average(scores: Sequence[Scores]) -> Scores:
    """The mean of several scores by the same metrics."""
    return {name: statistics.fmean(each[name] for each in scores) for name in scores[0]}


def check_scorable(metrics: Sequence[Metric], size: Size, count: int) -> None:
    """Refuse pictures that one of the metrics could not score.

    Raises:
        UsageError: they are too small or too few.
    """
    for metric in metrics:
        check_comparable(size, metric.title, metric.smallest)
        if count < metric.fewest:
            raise UsageError(f"{metric.title} needs {metric.fewest} pictures or more, not {count}")
