"""Rows of an inversion: attacks, public pictures, real private ones; what each got, and what it got more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from keyhole.attacks.classes.ledger import NOTHING, Spent
from keyhole.attacks.classes.registry import ChosenClassAttack
from keyhole.evaluation.classes.published import PublishedInversion
from keyhole.evaluation.classes.scores import ClassScore
from keyhole.metrics.interval import Mean

BEST_LIKED = "public-best"
"""The row of the public pictures that the classifier likes best."""


@dataclass(frozen=True, eq=False)
class InversionRow:
    """What an attack or a row of public pictures got.

    Attributes:
        chosen: which.
        score: what was measured.
        pictures: N×3×H×W, in the order of the score's ``wanted``.
        spent: on the pictures.
        published: the papers' figures of the same setting, if there are any.
    """

    chosen: ChosenClassAttack
    score: ClassScore
    pictures: Tensor
    spent: Spent = NOTHING
    published: PublishedInversion | None = None

    @property
    def name(self) -> str:
        """As it is printed."""
        return self.chosen.word


@dataclass(frozen=True, eq=False)
class Inversion:
    """An inversion that has been run and scored.

    Attributes:
        rows: attacks, then rows of public pictures.
        real: held-back private pictures, scored as if an attack had made them.
        classes: among which the judge decides.
        facts: of the run.
        strangers: see `PrivatePictures.verified_of_strangers`.
    """

    rows: Sequence[InversionRow]
    real: ClassScore
    classes: int
    facts: dict[str, object] = field(default_factory=dict)
    strangers: float | None = None

    @property
    def attacks(self) -> list[InversionRow]:
        """Rows of attacks."""
        return [row for row in self.rows if not row.chosen.entry.floor]

    @property
    def floors(self) -> list[InversionRow]:
        """Rows of public pictures."""
        return [row for row in self.rows if row.chosen.entry.floor]

    @property
    def best_liked(self) -> InversionRow:
        """The row of the public pictures that the classifier likes best."""
        return next(row for row in self.rows if row.name == BEST_LIKED)

    @property
    def floor(self) -> InversionRow:
        """The row of public pictures that the judge recognises most often: what no attack needs to be run for."""
        return max(self.floors, key=lambda row: _mean(row, "top1"))

    @property
    def leading(self) -> InversionRow:
        """The attack whose pictures the judge recognises most often; where there is no attack, `floor`."""
        return max(self.attacks, key=lambda row: _mean(row, "top1"), default=self.floor)

    def chance(self, k: int) -> float:
        """Share that guessing among the classes gets right with k guesses."""
        return min(1.0, k / self.classes)

    def above(self, row: InversionRow, other: InversionRow) -> Mean | None:
        """What the judge recognises more often of a row than of another, class by class."""
        return row.score.gain(other.score, "top1")


def _mean(row: InversionRow, figure: str) -> float:
    found = row.score.mean(figure)
    return found.mean if found else 0.0
