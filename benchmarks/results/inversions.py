"""What attacks made of a classifier's classes, from the JSON of `keyhole invert`; the classes are the unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean

TOP1, NEAREST = "top1", "knn_distance_judge"
PUBLIC_BEST = "public-best"
REAL = "real"
ByClass = Mapping[str, float]
"""A figure of each class, by the class's name; classes without one are left out."""


@dataclass(frozen=True)
class InversionRun:
    """One run: rows by the words that name attacks, private pictures themselves as `REAL`.

    Attributes:
        document: the JSON.
        rows: by word; recipe ``strong`` goes by the attack's name alone.
    """

    document: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The run of a JSON."""
        rows = {word_of(row): row for row in document["rows"]}
        return cls(document, {**rows, REAL: document["real"]})

    @classmethod
    def read(cls, step: Step, root: Path) -> Self | None:
        """The run of a step; None where it is not done."""
        return cls.of(step.scores(root)) if step.done(root) else None

    @property
    def attacks(self) -> tuple[str, ...]:
        """Words of the attacks, without public pictures and real ones."""
        return tuple(word for word, row in self.rows.items() if row.get("public_pictures_alone") is False)

    @property
    def public(self) -> tuple[str, ...]:
        """Words of the rows of public pictures."""
        return tuple(word for word, row in self.rows.items() if row.get("public_pictures_alone"))

    @property
    def natural(self) -> ByClass:
        """Share of each class's held-back private pictures that the target is right on."""
        return self.by_class(REAL, "target_top1")

    def by_class(self, word: str, figure: str = TOP1) -> ByClass:
        """A figure of each class."""
        found = self.rows[word]["classes"]
        return {name: scores[figure] for name, scores in found.items() if scores.get(figure) is not None}

    def mean(self, word: str, figure: str = TOP1) -> Mean | None:
        """Mean over classes, or a figure of all pictures together; None where there is none."""
        told = self.rows[word]["figures"].get(figure)
        if told is None or told["mean"] is None:
            return None
        low_high = told["ci95"]
        return Mean(told["mean"], None if low_high is None else (low_high[0], low_high[1]))

    def strongest(self, among: Sequence[str] = ()) -> str | None:
        """The attack that the judge recognises most often; None where there is none."""
        words = [word for word in among or self.attacks if word in self.rows]
        return max(words, key=lambda word: mean_of(self.by_class(word)), default=None)


def word_of(row: Mapping[str, Any]) -> str:
    """``ATTACK``, or ``ATTACK/RECIPE`` where the recipe is not ``strong``."""
    return row["attack"] if row["recipe"] == "strong" else f"{row['attack']}/{row['recipe']}"


def more(one: ByClass, other: ByClass, least: float = 0.0) -> Mean | None:
    """What one has more than another, class by class, less ``least``; None where they have no class in common.

    >>> more({"a": 0.5, "b": 1.0}, {"a": 0.25, "c": 0.0}, 0.25).mean
    0.0
    """
    gains = [value - other[name] - least for name, value in one.items() if name in other]
    return Mean.of(gains) if gains else None


def mixed(one: ByClass, other: ByClass, share: float) -> ByClass:
    """``share`` of one and the rest of the other, class by class."""
    return {name: share * value + (1 - share) * other[name] for name, value in one.items() if name in other}


def mean_of(values: ByClass) -> float:
    """Mean over classes; NaN of none."""
    return sum(values.values()) / len(values) if values else float("nan")


def percent(found: Mean | None, digits: int = 1, *, signed: bool = False) -> str:
    """A share in per cent with its interval, as in a cell.

    >>> percent(Mean(0.254, (0.2, 0.3))), percent(Mean(0.25, None), signed=True), percent(None)
    ('25.4 [20, 30]', '+25.0', '–')
    """
    if found is None:
        return "–"
    sign = "+" if signed else ""
    text = f"{100 * found.mean:{sign}.{digits}f}"
    return text if found.interval is None else f"{text} [{', '.join(str(round(100 * end)) for end in found.interval)}]"


def number(found: Mean | None, digits: int = 2) -> str:
    """A figure with its interval, as in a cell."""
    return "–" if found is None else found.text(digits)


def shared(runs: Sequence[InversionRun]) -> Iterator[str]:
    """Words of the attacks that all runs have, in the order of the first."""
    return (word for word in runs[0].attacks if all(word in run.rows for run in runs))
