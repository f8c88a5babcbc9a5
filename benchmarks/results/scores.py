"""What attacks made of the same pictures in several trainings, from the JSON of `keyhole attack`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE, Thumbnail, ThumbnailScale

NOT_YET = "not measured"


@dataclass(frozen=True)
class Leak:
    """Scores of reconstructions of the same pictures, one list for each training of the design.

    Attributes:
        trainings: of each, metric → one score per picture.
        read: of each, secret → share that the judge read right, and share by guessing.
        blind: metric → the best blind attacker's score per picture; empty where no run tells it.
        scale: of the pictures' thumbnails; None where no run tells it.
    """

    trainings: Sequence[Mapping[str, Sequence[float]]]
    read: Sequence[Mapping[str, tuple[float, float]]] = ()
    blind: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scale: ThumbnailScale | None = None

    @classmethod
    def of(cls, runs: Sequence[Mapping[str, Any]]) -> Self:
        """The leak of the first row of each run's JSON.

        Args:
            runs: one of each training, of one attack on the same pictures.
        """
        rows = [run["rows"][0] for run in runs]
        trainings = [_columns(row["pictures"]) for row in rows]
        read = [
            {secret: (found["share"], found["guessing"]) for secret, found in row.get("read", {}).items()}
            for row in rows
        ]
        told = next((run for run in runs if "blind" in run), None)
        if told is None:
            return cls(trainings, read)
        return cls(trainings, read, _floor(told["blind"]["recipes"]), ThumbnailScale.from_json(told["scale"]))

    def first(self, count: int) -> Leak:
        """The leak of the first pictures alone; what was read, of all."""
        trainings = [{name: values[:count] for name, values in each.items()} for each in self.trainings]
        blind = {name: values[:count] for name, values in self.blind.items()}
        return Leak(trainings, self.read, blind, self.scale and self.scale.first(count))

    def pictures(self, metric: str) -> list[float]:
        """The score of each picture, its mean over the trainings."""
        return [statistics.fmean(same) for same in zip(*(each[metric] for each in self.trainings), strict=True)]

    def mean(self, metric: str) -> Mean:
        """Mean over the pictures."""
        return Mean.of(self.pictures(metric))

    def less(self, other: Leak, metric: str) -> Mean:
        """Mean over the pictures of what is less than in another leak, picture by picture."""
        pairs = zip(self.pictures(metric), other.pictures(metric), strict=True)
        return Mean.of([theirs - mine for mine, theirs in pairs])

    def by_training(self, metric: str) -> list[float]:
        """The mean of each training."""
        return [statistics.fmean(each[metric]) for each in self.trainings]

    @property
    def thumbnail(self) -> Thumbnail | None:
        """The equivalent thumbnail; None where no run tells the scale."""
        if self.scale is None:
            return None
        count = len(self.pictures(HEADLINE))
        blind = self.blind[HEADLINE][:count]
        return self.scale.first(count).equivalent(HEADLINE, self.pictures(HEADLINE), blind)

    def read_text(self) -> str:
        """What the judge read, in percent, with the share by guessing; the mean over the trainings."""
        if not any(self.read):
            return NOT_YET
        parts = []
        for secret in self.read[0]:
            share, guessing = (
                100 * statistics.fmean(each[secret][place] for each in self.read if secret in each) for place in (0, 1)
            )
            parts.append(f"{secret} {share:.0f} % ({guessing:.0f} %)")
        return "; ".join(parts)


def leaks_by_cut(run: Mapping[str, Any]) -> dict[str, Leak]:
    """The leak of each row of a run of one attack, by its cut as it was asked for: ``layer2`` for ``layer2.1``."""
    return {str(row["cut"]).partition(".")[0]: Leak.of([{**run, "rows": [row]}]) for row in run["rows"]}


def stronger(one: Leak, other: Leak) -> Leak:
    """The leak with the higher mean SSIM."""
    return max((one, other), key=lambda leak: leak.mean(HEADLINE).mean)


def score_text(leak: Leak) -> str:
    """Thumbnail, SSIM and PSNR in a cell."""
    found = leak.thumbnail
    thumbnail = f"{found.text}; " if found else ""
    return f"{thumbnail}{leak.mean(HEADLINE).text(3)}; {leak.mean('psnr').mean:.1f} dB"


def less_text(leak: Leak, other: Leak) -> str:
    """How much less than another leak, with the interval over pictures, and what single trainings say."""
    trainings = [b - a for a, b in zip(leak.by_training(HEADLINE), other.by_training(HEADLINE), strict=False)]
    spread = f"; trainings {min(trainings):+.3f} to {max(trainings):+.3f}" if len(trainings) > 1 else ""
    found = leak.less(other, HEADLINE)
    low, high = found.interval or (float("nan"),) * 2
    return f"{found.mean:+.3f} [{low:+.3f}, {high:+.3f}]{spread}"


def _columns(pictures: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {metric: [scores[metric] for scores in pictures] for metric in pictures[0]}


def _floor(recipes: Mapping[str, Any]) -> dict[str, list[float]]:
    """Of each metric, the scores of the recipe with the highest mean."""
    columns = [_columns(recipe["pictures"]) for recipe in recipes.values() if recipe["pictures"]]
    return {metric: max((each[metric] for each in columns), key=statistics.fmean) for metric in columns[0]}
