"""Scores of pictures that an attack made of a classifier's classes; the classes are the unit, not the pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from keyhole.attacks.classes.base import Answer, Wanted
from keyhole.evaluation.classes.references import PrivatePictures, spread
from keyhole.evaluation.scores import Scores, average
from keyhole.metrics.base import Metric
from keyhole.metrics.distribution import frechet_distance
from keyhole.metrics.interval import Mean, share_interval

FIRST_FIVE = 5
PICTURE_FIGURES = (
    "top1", "top5", "verified", "evaluator_top1", "evaluator_top5", "target_top1", "target_confidence",
    "knn_distance_judge", "knn_distance_judge_recognised", "feature_distance_judge",
)  # fmt: skip
"""Figures of each picture beside the metrics of pixels; one that nobody can tell is left out."""
_SHARES = ("top1", "top5", "verified", "evaluator_top1", "evaluator_top5", "target_top1")


@dataclass(frozen=True)
class Classifiers:
    """Who is asked what a picture shows.

    Attributes:
        target: the classifier under attack, pictures in [0, 1] to answers.
        evaluator: another classifier of the same classes, to logits N×K in the target's order; None: there is none.
    """

    target: Callable[[Tensor], Answer]
    evaluator: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class ClassScore:
    """What was measured of a set of pictures of classes.

    Attributes:
        wanted: class and number of each picture.
        pictures: scores of each, by figure.
        classes: by class, the scores of its pictures together: means, `coverage_judge` and `diversity_judge`.
        sets: figures of all pictures together.
    """

    wanted: Wanted
    pictures: Sequence[Scores]
    classes: Mapping[int, Scores]
    sets: Scores = field(default_factory=dict)

    def mean(self, figure: str) -> Mean | None:
        """See `mean_over_classes`; of a set's figure the value alone."""
        if figure in self.sets:
            return Mean(self.sets[figure], None)
        return mean_over_classes(self.classes, figure)

    def gain(self, other: ClassScore, figure: str) -> Mean | None:
        """Mean over the classes that both have of what a figure is more than another's, class by class."""
        pairs = [
            scores.get(figure, math.nan) - other.classes[label].get(figure, math.nan)
            for label, scores in self.classes.items()
            if label in other.classes
        ]
        known = [value for value in pairs if not math.isnan(value)]
        return Mean.of(known) if known else None


def mean_over_classes(classes: Mapping[Any, Scores], figure: str) -> Mean | None:
    """Mean over the classes that have a figure, with its interval; None where none has.

    Where all classes have a share of 0, or all of 1, resampling them would give an interval without width. It is then
    Wilson's, of as many answers as there are classes.

    Args:
        classes: scores by figure, of each.
        figure: one of `PICTURE_FIGURES`, a metric's name, or a figure of classes.
    """
    values = [scores[figure] for scores in classes.values() if not math.isnan(scores.get(figure, math.nan))]
    if figure in _SHARES and (set(values) == {0.0} or set(values) == {1.0}):
        return Mean(values[0], share_interval(round(sum(values)), len(values)))
    return Mean.of(values) if values else None


def score_classes(
    made: Tensor,
    wanted: Wanted,
    private: PrivatePictures,
    asked: Classifiers,
    metrics: Sequence[Metric],
    *,
    stepped: Callable[[int], object] = lambda _: None,
) -> ClassScore:
    """Score pictures of classes.

    Pixels are compared with one private picture for each reconstruction: the training picture of its class that the
    judge finds nearest. Papers take the best private picture for every metric anew, which gives better figures.

    Args:
        made: N×3×H×W in [0, 1].
        wanted: class and number of each.
        private: what they are compared with.
        asked: the classifiers.
        metrics: of pixels; those of sets compare with all training pictures of the classes.
        stepped: called with the number of pictures after each batch that the judge has seen.
    """
    vectors = private.judge.embed(made, stepped=stepped)
    seen = _Judged(vectors, private.ranks(vectors, wanted.labels), private.verified(vectors, wanted.labels))
    return _scored(made, wanted, private, asked, metrics, seen)


def score_real(
    private: PrivatePictures, labels: Sequence[int], asked: Classifiers, metrics: Sequence[Metric]
) -> ClassScore:
    """Scores of real private pictures that the target has not seen, as if an attack had made them: all there is.

    Each is left out of the centroid that it is judged by.
    """
    chosen = torch.isin(private.report.labels, torch.tensor(list(labels)))
    report = private.report.labels[chosen]
    numbers = torch.tensor([int((report[:at] == label).sum()) for at, label in enumerate(report.tolist())])
    pictures = private.report.pictures[chosen].float() / 255
    verified = private.verified_of_report()
    seen = _Judged(
        private.report_vectors[chosen],
        private.ranks_of_report()[chosen],
        None if verified is None else verified[chosen],
    )
    return _scored(pictures, Wanted(report, numbers), private, asked, metrics, seen)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Embeddings of pictures, places of their classes (0: not known) and the shares of `PrivatePictures.verified`."""

    vectors: Tensor
    ranks: Tensor
    verified: Tensor | None


def _scored(
    made: Tensor,
    wanted: Wanted,
    private: PrivatePictures,
    asked: Classifiers,
    metrics: Sequence[Metric],
    seen: _Judged,
) -> ClassScore:
    labels, vectors, ranks = wanted.labels, seen.vectors, seen.ranks
    distances, places = private.nearest(vectors, labels)
    first, judged = ranks == 1, ranks > 0
    truths = private.train.pictures[places].float() / 255
    columns: dict[str, Tensor | None] = {
        "top1": _where(judged, first.float()),
        "top5": _where(judged, (ranks <= FIRST_FIVE).float()),
        "verified": seen.verified,
        **_answers(made, labels, asked),
        "knn_distance_judge": distances,
        "knn_distance_judge_recognised": _where(first, distances),
        "feature_distance_judge": private.from_the_middle(vectors, labels),
    }
    of_pixels = [metric for metric in metrics if metric.scope == "picture"]
    values: dict[str, Sequence[float]] = {name: one.tolist() for name, one in columns.items() if one is not None}
    values |= {metric.name: metric.scores(made, truths) for metric in of_pixels}
    pictures = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    by_class = {
        label: {
            **_average([scores for scores, own in zip(pictures, labels.tolist(), strict=True) if own == label]),
            "coverage_judge": private.coverage(vectors[labels == label], label),
            "diversity_judge": spread(vectors[labels == label]),
        }
        for label in sorted(set(labels.tolist()))
    }
    return ClassScore(wanted, pictures, by_class, _sets(made, wanted, private, vectors, metrics))


def _answers(made: Tensor, labels: Tensor, asked: Classifiers) -> dict[str, Tensor]:
    with torch.no_grad():
        logits = torch.cat([asked.target(part).logits.cpu() for part in torch.split(made, _BATCH)])
        found = {
            "target_top1": _right(logits, labels, 1),
            "target_confidence": logits.double().softmax(dim=1).gather(1, labels[:, None]).squeeze(1),
        }
        if asked.evaluator is None:
            return found
        theirs = torch.cat([asked.evaluator(part).cpu() for part in torch.split(made, _BATCH)])
    return {
        **found,
        "evaluator_top1": _right(theirs, labels, 1),
        "evaluator_top5": _right(theirs, labels, FIRST_FIVE),
    }


_BATCH = 32


def _sets(
    made: Tensor, wanted: Wanted, private: PrivatePictures, vectors: Tensor, metrics: Sequence[Metric]
) -> dict[str, float]:
    """Fréchet distance in the judge's features, and metrics of sets, against the training pictures of the classes."""
    same = torch.isin(private.train.labels, wanted.labels)
    against = private.train_vectors[same]
    found = {}
    if min(len(vectors), len(against)) > 1:
        found["frechet_distance_judge"] = float(frechet_distance(vectors, against))
    truths = private.train.pictures[same].float() / 255
    return found | {one.name: one.score_of_set(made, truths) for one in metrics if one.scope == "set"}


def _right(logits: Tensor, labels: Tensor, k: int) -> Tensor:
    """Whether the class is among the k greatest, N values; ties count against it, and so does no number."""
    above = ~(logits < logits.gather(1, labels[:, None]))
    return (above.sum(dim=1) <= k).float()


def _where(known: Tensor, values: Tensor) -> Tensor:
    return torch.where(known, values, torch.nan)


def _average(scores: Sequence[Scores]) -> dict[str, float]:
    """Means by figure over the pictures that have one."""
    if not any(math.isnan(value) for one in scores for value in one.values()):
        return dict(average(scores))
    found = {}
    for name in scores[0]:
        values = [one[name] for one in scores if not math.isnan(one[name])]
        found[name] = statistics.fmean(values) if values else math.nan
    return found
