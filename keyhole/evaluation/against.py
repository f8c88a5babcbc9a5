"""Comparisons of a run's rows with one of them, picture by picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyhole.attacks import FLOOR
from keyhole.evaluation.scores import UNIT, EvaluationRow, strongest
from keyhole.metrics.interval import Mean
from keyhole.service.errors import UsageError

STRONGEST = "strongest"


@dataclass(frozen=True)
class Against:
    """What rows get more than others, by the metric that thumbnails are told by.

    Attributes:
        word: that names the others.
        gains: mean over the pictures, by attack and cut; without rows that are compared with nothing.
    """

    word: str
    gains: Mapping[tuple[str, str], Mean]

    @classmethod
    def named(cls, word: str, rows: Sequence[EvaluationRow], cuts: Sequence[str]) -> Against:
        """The comparison that a word asks for.

        Args:
            word: ``blind``; ``strongest``, the row with the highest mean at the same cut; an attack at the same cut; or
                ``ATTACK@CUT``.
            rows: every attack at all of the cuts, then the next.
            cuts: as they were named.
        """
        gains = {}
        attack, _, cut = word.partition("@")
        for place, row in enumerate(rows):
            at = cuts.index(cut) if cut else place % len(cuts)
            beside = rows[at :: len(cuts)]
            other = (
                strongest(beside)
                if attack == STRONGEST
                else next((each for each in beside if each.attack == attack), None)
            )
            if attack == FLOOR and row.standing:
                gains[row.attack, row.plan.cut] = row.standing.above_blind[UNIT.name]
            elif other and other is not row:
                gains[row.attack, row.plan.cut] = row.gain(other, UNIT.name)
        return cls(word, gains)

    def of(self, row: EvaluationRow) -> Mean | None:
        """What a row gets more."""
        return self.gains.get((row.attack, row.plan.cut))


def check_against(word: str, attacks: Sequence[str], cuts: Sequence[str]) -> None:
    """Refuse a word that names no row.

    Args:
        word: of the flag, see `Against.named`.
        attacks: of the run, as they were named.
        cuts: of the run, as they were named.

    Raises:
        UsageError: says which rows there are.
    """
    attack, _, cut = word.partition("@")
    if attack not in attacks and word not in (FLOOR, STRONGEST):
        raise UsageError(f"--against {word}: expected one of {', '.join((FLOOR, STRONGEST, *attacks))}")
    if cut and cut not in cuts:
        raise UsageError(f"--against {word}: expected one of the cuts {', '.join(cuts)} after @")
