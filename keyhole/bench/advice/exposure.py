"""Exposure of a design: what each attack got from it, and the most that any got."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeVar

from keyhole.bench.records import PICTURE, LeakRecord, ScaleRecord
from keyhole.evaluation.evidence import OPTIMISED, Evidence
from keyhole.judge.recovery import Share
from keyhole.metrics.interval import Interval, mean_interval
from keyhole.metrics.thumbnails import HEADLINE, Thumbnail

E = TypeVar("E", bound="Exposure")


@dataclass(frozen=True)
class Exposure:
    """What one attack got from a design.

    Attributes:
        attack: its name.
        mean: of a metric, or of the share of a secret.
        interval: see `mean_interval`; None where there are too few values to tell.
        pictures: behind the mean.
        seeds: behind the mean.
        values: of each picture, mean over seeds, in the order of the audit pool; empty where there are none.
    """

    attack: str
    mean: float
    interval: Interval | None
    pictures: int
    seeds: int
    values: tuple[float, ...] = field(default=(), kw_only=True)

    @property
    def thin(self) -> bool:
        """Whether less is behind it than a conclusion needs; pictures that are sent as they are need no seeds."""
        if self.attack == PICTURE:
            return self.pictures < OPTIMISED.pictures
        return not Evidence(self.pictures, self.seeds).suffices(self.attack)


@dataclass(frozen=True)
class SecretExposure(Exposure):
    """How much of a secret was read from one attack's reconstructions; ``pictures`` counts how often it was asked.

    Attributes:
        guessing: the share that a guess would have.
        blind: the share read from the blind attacker's pictures; None where that was not measured.
    """

    guessing: float
    blind: float | None = field(default=None, kw_only=True)

    @property
    def share(self) -> Share:
        """As a share of a secret, with its interval over all that was asked.

        What counts as guessing is the better of a guess and what was read from the blind attacker's pictures.
        """
        return Share(self.mean, max(self.guessing, self.blind or 0.0), self.pictures)


def picture_exposures(leaks: Iterable[LeakRecord], metric: str) -> tuple[Exposure, ...]:
    """One for each attack that has the metric: the mean over pictures and seeds.

    The interval is over pictures, each of which counts with its mean over seeds: seeds of one picture are alike and
    not as many independent values.

    Args:
        leaks: of one design.
        metric: its name; one of a set of pictures has a value for each seed and no interval.
    """
    leaks, found = tuple(leaks), []
    for attack, seeds in _by_attack(leak for leak in leaks if metric in leak.sets):
        pictures = max((len(values) for leak in seeds for values in leak.scores.values()), default=0)
        mean = statistics.fmean(leak.sets[metric] for leak in seeds)
        found.append(Exposure(attack, mean, None, pictures, len(seeds)))
    for attack, seeds in _by_attack(leak for leak in leaks if leak.scores.get(metric)):
        means = [
            statistics.fmean(value for value in values if value is not None)
            for values in zip_longest(*(leak.scores[metric] for leak in seeds))
        ]
        found.append(
            Exposure(attack, statistics.fmean(means), mean_interval(means), len(means), len(seeds), values=tuple(means))
        )
    return tuple(found)


def secret_exposures(
    leaks: Iterable[LeakRecord], secret: str, scale: ScaleRecord | None = None
) -> tuple[SecretExposure, ...]:
    """One for each attack whose reconstructions were read for the secret: the mean share over seeds.

    The interval is over seeds, for a leak holds one share for all pictures of a seed.

    Args:
        leaks: of one design.
        secret: its name.
        scale: of the target's pictures; None: what is read from the blind attacker's is not known.
    """
    found, unseen = [], scale.guessed(secret) if scale else None
    for attack, seeds in _by_attack(leak for leak in leaks if secret in leak.secrets):
        shares = [leak.secrets[secret] for leak in seeds]
        values = [share.value for share in shares]
        guessing = statistics.fmean(share.guessing for share in shares)
        asked = max(share.asked for share in shares)
        mean, interval, blind = statistics.fmean(values), mean_interval(values), unseen.value if unseen else None
        found.append(SecretExposure(attack, mean, interval, asked, len(seeds), guessing, blind=blind))
    return tuple(found)


def blind_exposure(scale: ScaleRecord, metric: str, pictures: int) -> Exposure | None:
    """What the blind attacker gets by its best recipe on the first pictures; None where the metric was not scored."""
    leak = scale.floor(metric, pictures)
    if leak is None or not pictures:
        return None
    values = tuple(leak.scores[metric][:pictures])
    return Exposure(leak.attack, statistics.fmean(values), mean_interval(values), len(values), seeds=1, values=values)


def equivalent_thumbnail(found: Exposure, scale: ScaleRecord, metric: str = HEADLINE) -> Thumbnail | None:
    """The true pictures' thumbnail that an attack's reconstructions equal, on the pictures that it was tried on.

    Args:
        found: by the metric; a picture counts with its mean over seeds.
        scale: of the target's pictures, the same in the same order.
        metric: of pictures.

    Returns:
        None where no picture has a score on both sides.
    """
    count = min(len(found.values), scale.thumbnails.count)
    blind = blind_exposure(scale, metric, count)
    if blind is None or metric not in scale.thumbnails.scores:
        return None
    return scale.thumbnails.first(count).equivalent(metric, found.values[:count], blind.values)


def worst(exposures: Iterable[E], leak: Callable[[float], float] = float) -> E | None:
    """The leak of a design: the mean over attacks that leaks most; None without an attack.

    A maximum of several estimates is biased upwards a little, that is to the safe side.

    Args:
        exposures: one for each attack.
        leak: turns a mean so that more leaks more, see `keyhole.metrics.Metric.leak`.
    """
    return max(exposures, key=lambda found: leak(found.mean), default=None)


def _by_attack(leaks: Iterable[LeakRecord]) -> list[tuple[str, Sequence[LeakRecord]]]:
    grouped: dict[str, list[LeakRecord]] = {}
    for leak in leaks:
        grouped.setdefault(leak.attack, []).append(leak)
    return list(grouped.items())
