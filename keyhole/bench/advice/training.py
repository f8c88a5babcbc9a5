"""What leaks of a training set: to the class attack whose pictures a judge recognises most, beside public pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keyhole.bench.records import REAL, TrainingSetRecord
from keyhole.evaluation.classes.report import FEWEST_CLASSES
from keyhole.evaluation.classes.scores import mean_over_classes
from keyhole.metrics.interval import Interval, Mean

TOP_1 = "top1"
"""The figure that counts: the share of an attack's pictures that the judge takes for the class."""


@dataclass(frozen=True)
class TrainingLeak:
    """What the strongest attack shows of the classes of a target.

    Attributes:
        attack: its word.
        shown: share of its pictures that the judge takes for the class, with the interval over classes.
        classes: that were pictured.
        guessing: share that a guess among all classes gets.
        public: the same share of the row of public pictures that the judge recognises most; None where none was judged.
        real: the same of held-back private pictures; None where they were not judged.
        attacks: words of all attacks that were tried.
    """

    attack: str
    shown: Mean
    classes: int
    guessing: float
    public: Mean | None
    real: Mean | None
    attacks: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The share, in [0, 1]."""
        return self.shown.mean

    @property
    def interval(self) -> Interval | None:
        """Its 95 % interval over classes; None where there are too few to tell."""
        return self.shown.interval

    @property
    def thin(self) -> bool:
        """Whether fewer classes are behind it than a comparison needs."""
        return self.classes < FEWEST_CLASSES


def class_mean(record: TrainingSetRecord, figure: str = TOP_1) -> Mean | None:
    """Mean of a figure over the classes, each of which counts once; None where none has it."""
    return mean_over_classes(record.classes, figure)


def training_leak(records: Iterable[TrainingSetRecord]) -> TrainingLeak | None:
    """The leak of one design's training set; None where no attack on its classes was judged.

    Rows of public pictures are no attacks: they say what is seen without one.
    """
    judged = [(record, mean) for record in records if (mean := class_mean(record))]
    attacks = [(record, mean) for record, mean in judged if not record.floor and record.attack != REAL]
    if not attacks:
        return None
    strongest, shown = max(attacks, key=_mean)
    floors = [(record, mean) for record, mean in judged if record.floor]
    return TrainingLeak(
        attack=strongest.attack,
        shown=shown,
        classes=len(strongest.classes),
        guessing=1 / strongest.judged_among,
        public=max(floors, key=_mean)[1] if floors else None,
        real=next((mean for record, mean in judged if record.attack == REAL), None),
        attacks=tuple(record.attack for record, _ in attacks),
    )


def training_text(leak: TrainingLeak) -> str:
    """The leak in words, with what stands beside it.

    >>> found = TrainingLeak("latent", Mean(0.4, (0.3, 0.5)), 62, 1 / 62, Mean(0.13, None), None, ("latent",))
    >>> training_text(found)
    '40 % [30, 50] of what latent makes of 62 training classes is recognised (2 % by guessing, 13 % of public pictures)'
    """
    public = f", {100 * leak.public.mean:.0f} % of public pictures" if leak.public else ""
    made = f"{share_with_interval(leak.shown)} of what {leak.attack} makes of {leak.classes} training classes"
    return f"{made} is recognised ({100 * leak.guessing:.0f} % by guessing{public})"


def share_with_interval(found: Mean) -> str:
    """A share in percent with its interval.

    >>> share_with_interval(Mean(0.4, (0.3, 0.5))), share_with_interval(Mean(0.4, None))
    ('40 % [30, 50]', '40 %')
    """
    between = f" [{100 * found.interval[0]:.0f}, {100 * found.interval[1]:.0f}]" if found.interval else ""
    return f"{100 * found.mean:.0f} %{between}"


def _mean(pair: tuple[TrainingSetRecord, Mean]) -> float:
    return pair[1].mean


def tried(leaks: Iterable[TrainingLeak | None]) -> tuple[str, ...]:
    """Words of the attacks that were tried on any of them, each once."""
    return tuple(dict.fromkeys(attack for leak in leaks if leak for attack in leak.attacks))
