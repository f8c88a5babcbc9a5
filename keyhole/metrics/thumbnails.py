"""Equivalent thumbnails: a leak as the size of the true picture's thumbnail that scores the same.

A score has no zero of its own: an attacker who has seen nothing scores something, and how much depends on the pictures.
So a leak is compared, on the same pictures, with the *blind attacker* below and with the victim's own pictures, shrunk
and enlarged again, above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transform

from keyhole.metrics.base import Metric
from keyhole.metrics.interval import LEAST, Interval, Units, by_unit, expanded_tail
from keyhole.metrics.registry import metric_named

SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Shorter sides of thumbnails, in pixels; of a picture's those below its own are taken."""
HEADLINE = "ssim"
"""The metric by which a leak is stated as a thumbnail where none is named."""
_LEAST_SIDE = 0.5
_DRAWS = 2000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Thumbnail:
    """The equivalent thumbnail of a leak.

    Attributes:
        side: pixels of the shorter side; 0.0: nothing, the leak is not above the blind attacker's; 0.5: less than one
            pixel tells, and yet more; ``full``: the picture itself.
        interval: 95 %; None where too few pictures are behind it.
        full: pixels of the picture's shorter side.

    >>> Thumbnail(20.3, (17.0, 24.4), 128).text, Thumbnail(3.2, (0.0, 5.1), 128).text, Thumbnail(0.0, None, 128).text
    ('20 px [17, 24]', '3 px [nothing, 5]', 'nothing')
    """

    side: float
    interval: Interval | None
    full: int

    @property
    def text(self) -> str:
        """In words, with its interval."""
        if self.interval is None or self.interval[0] == self.interval[1]:
            return self.brief
        low, high = (_side_text(end) for end in self.interval)
        return f"{self.brief} [{low}, {high}]"

    @property
    def brief(self) -> str:
        """In words, without the interval."""
        if self.side >= self.full:
            return "the picture"
        return f"{_side_text(self.side)} px" if self.side else _side_text(self.side)


def _side_text(side: float) -> str:
    return f"{side:.0f}" if side >= 1 else "<1" if side else "nothing"


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """Pictures as their thumbnails show them: shrunk and enlarged again, bicubic and antialiased both ways.

    Args:
        pictures: RGB in [0, 1], N×3×H×W.
        side: pixels of the thumbnail's shorter side.

    Returns:
        Same shape and range.
    """
    height, width = pictures.shape[-2:]
    scale = side / min(height, width)
    small = [max(1, round(height * scale)), max(1, round(width * scale))]
    bicubic = InterpolationMode.BICUBIC
    thumbnail = transform.resize(pictures, small, interpolation=bicubic, antialias=True).clamp(0, 1)
    made: Tensor = transform.resize(thumbnail, [height, width], interpolation=bicubic, antialias=True)
    return made.clamp(0, 1)


@dataclass(frozen=True)
class ThumbnailScale:
    """Scores of some true pictures' thumbnails, picture by picture.

    Attributes:
        full: pixels of the pictures' shorter side.
        sides: of the thumbnails, ascending; the last one is that of the pictures themselves.
        scores: by metric's name, a row for each side and a column for each picture.
    """

    full: int
    sides: tuple[int, ...]
    scores: Mapping[str, Sequence[Sequence[float]]] = field(repr=False)

    @classmethod
    def measure(cls, pictures: Tensor, metrics: Sequence[Metric], stepped: Callable[[], object] = lambda: None) -> Self:
        """The scale of true pictures N×3×H×W in [0, 1]; ``stepped`` is called after each of its sides.

        Metrics of sets have none.
        """
        full = min(pictures.shape[-2:])
        sides = (*(side for side in SIDES if side < full), full)
        scores: dict[str, list[list[float]]] = {each.name: [] for each in metrics if each.scope == "picture"}
        for side in sides:
            made = shrunk(pictures, side) if side < full else pictures
            for metric in metrics:
                if metric.scope == "picture":
                    values = metric.scores(made, pictures)
                    scores[metric.name].append([min(value, metric.ceiling) for value in values])
            stepped()
        return cls(full, sides, scores)

    @property
    def count(self) -> int:
        """Pictures behind it."""
        return min((len(rows[0]) for rows in self.scores.values() if rows), default=0)

    def first(self, count: int) -> Self:
        """The scale of the first pictures alone."""
        return self.of(range(count))

    def of(self, places: Sequence[int]) -> Self:
        """The scale of the pictures at some places alone, in the order given."""
        scores = {name: [[row[place] for place in places] for row in rows] for name, rows in self.scores.items()}
        return type(self)(self.full, self.sides, scores)

    def joined(self, other: Self) -> Self:
        """The scale of this one's pictures and the other's.

        Raises:
            ValueError: they are of other sizes or metrics.
        """
        if (self.full, self.sides, set(self.scores)) != (other.full, other.sides, set(other.scores)):
            raise ValueError("scales of pictures of other sizes, or by other metrics, cannot be joined")
        scores = {
            name: [[*mine, *theirs] for mine, theirs in zip(rows, other.scores[name], strict=True)]
            for name, rows in self.scores.items()
        }
        return type(self)(self.full, self.sides, scores)

    def mean(self, metric: str, side: int) -> float:
        """Mean score of the thumbnails of one of the sides."""
        return float(np.mean(self.scores[metric][self.sides.index(side)]))

    def equivalent(self, metric: str, leaks: Sequence[float], blind: Sequence[float], units: Units = None) -> Thumbnail:
        """The thumbnail that scores as reconstructions of the same pictures do, on average.

        Its interval is that of a bootstrap over the pictures: reconstruction, thumbnails and the blind attacker's
        picture of each are drawn together, so that what makes a picture easy for all of them takes no part.

        Args:
            metric: a metric's name.
            leaks: scores of the reconstructions, one for each picture of the scale.
            blind: the blind attacker's scores of the same.
            units: of the pictures; those of a unit are drawn together.

        Raises:
            ValueError: not one score for each picture, or the scale lacks the metric.
        """
        curve, turn = self._curve(metric)
        leaked, floor = turn * np.asarray(leaks, np.float64), turn * np.asarray(blind, np.float64)
        if not len(leaked) == len(floor) == curve.shape[1]:
            raise ValueError(f"{curve.shape[1]} pictures, {len(leaked)} reconstructions and {len(floor)} blind ones")
        side = float(self._invert(curve.mean(axis=1)[None], leaked.mean()[None], floor.mean()[None])[0])
        counts = by_unit([1.0] * len(leaked), units)
        if len(counts) < LEAST:
            return Thumbnail(side, None, self.full)
        drawn = np.random.default_rng(0).integers(len(counts), size=(_DRAWS, len(counts)))

        def means(values: Floats) -> Floats:
            return np.asarray(by_unit(values.tolist(), units)[drawn].sum(axis=1) / counts[drawn].sum(axis=1))

        curves = np.stack([means(row) for row in curve], axis=1)
        sides = self._invert(curves, means(leaked), means(floor))
        tail = expanded_tail(len(counts))
        low, high = np.quantile(sides, (tail, 1 - tail)).tolist()
        return Thumbnail(side, (min(low, side), max(high, side)), self.full)

    def equivalent_of_each(self, metric: str, leaks: Sequence[float], blind: Sequence[float]) -> list[Thumbnail]:
        """The thumbnail that scores as one reconstruction does, for each picture by itself; without intervals.

        Args:
            metric: a metric's name.
            leaks: scores of the reconstructions, one for each picture of the scale.
            blind: the blind attacker's scores of the same.

        Raises:
            ValueError: the scale lacks the metric.
        """
        curve, turn = self._curve(metric)
        leaked, floor = turn * np.asarray(leaks, np.float64), turn * np.asarray(blind, np.float64)
        return [Thumbnail(side, None, self.full) for side in self._invert(curve.T, leaked, floor).tolist()]

    def equivalent_of_mean(self, metric: str, mean: float, blind: float, interval: Interval | None = None) -> Thumbnail:
        """The thumbnail that scores, on average over the scale's pictures, as much as a mean over others.

        Args:
            metric: a metric's name.
            mean: of the reconstructions' scores.
            blind: mean of the blind attacker's.
            interval: of the mean; its ends become those of the thumbnail's, so it says nothing of how the pictures
                differ.

        Raises:
            ValueError: the scale lacks the metric.
        """
        curve, turn = self._curve(metric)
        ends = (mean, *(interval or ()))
        curves = np.repeat(curve.mean(axis=1)[None], len(ends), axis=0)
        side, *bounds = self._invert(curves, turn * np.array(ends), np.full(len(ends), turn * blind)).tolist()
        return Thumbnail(side, (min(bounds), max(bounds)) if bounds else None, self.full)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        scores = {name: [list(row) for row in rows] for name, rows in self.scores.items()}
        return {"full": self.full, "sides": list(self.sides), "scores": scores}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A stored scale.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(int(stored["full"]), tuple(stored["sides"]), stored["scores"])

    def _curve(self, metric: str) -> tuple[Floats, int]:
        """Scores by side and picture, turned so that more is nearer to the truth, and the turn."""
        if metric not in self.scores:
            raise ValueError(f"the scale has {', '.join(self.scores) or 'no metric'}, and not {metric}")
        turn = 1 if metric_named(metric).better == "higher" else -1
        return turn * np.asarray(self.scores[metric], np.float64).reshape(len(self.sides), -1), turn

    def _invert(self, curves: Floats, leaks: Floats, blind: Floats) -> Floats:
        """Sides of thumbnails whose mean scores are ``leaks``, along curves that never fall (B×sides, B, B).

        Linear between measured sides in the logarithm of the side.
        """
        rising = np.maximum.accumulate(curves, axis=1)
        steps = np.log2((_LEAST_SIDE, *self.sides))
        below = (rising <= leaks[:, None]).sum(axis=1)
        low = np.take_along_axis(rising, np.maximum(below - 1, 0)[:, None], axis=1)[:, 0]
        high = np.take_along_axis(rising, np.minimum(below, len(self.sides) - 1)[:, None], axis=1)[:, 0]
        between = (below > 0) & (below < len(self.sides))
        share = np.divide(leaks - low, high - low, out=np.zeros_like(leaks), where=between)
        sides = 2 ** (steps[below] + share * (steps[np.minimum(below + 1, len(self.sides))] - steps[below]))
        return np.where(leaks <= blind, 0.0, sides)
