"""Comparison of an inversion with one of another target: what a defence takes from attacks, and at what cost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.evaluation.classes.rows import Inversion, InversionRow
from keyhole.metrics.interval import Mean
from keyhole.metrics.verdicts import verdict
from keyhole.service.errors import UsageError

_SAME = ("classes", "per_class", "public", "public_pictures", "judge", "size")
"""Facts that both runs must share, or their attack accuracies do not compare."""
_ALSO = ("loss", "iterations", "private_pictures")
"""Further ones, which runs of earlier versions may not tell."""
_FIGURE = "top1"
NATURAL = "natural_accuracy"
"""Fact of a run: share of the held-back private pictures of all classes that the target is right on."""


@dataclass(frozen=True)
class DefenceGain:
    """What one attack loses from the earlier target to this one.

    Attributes:
        attack: its word.
        lost: share of pictures that the judge recognises less, class by class.
        natural: share of held-back private pictures that this target is right on less.
    """

    attack: str
    lost: Mean
    natural: float

    @property
    def delta(self) -> float | None:
        """Δ of TL-DMI: what the attack loses over what natural accuracy loses; None where that loses nothing."""
        return self.lost.mean / self.natural if self.natural > 0 else None

    @property
    def text(self) -> str:
        """In a sentence."""
        interval = self.lost.interval
        between = f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else ""
        price = f"{100 * self.natural:.1f} points of natural accuracy"
        ratio = f"Δ {self.delta:.2f}" if self.delta is not None else "no Δ, for nothing is lost"
        said = verdict(self.lost)
        doubt = "" if said == "seen" else f" ({said})"
        return f"{self.attack} loses {100 * self.lost.mean:.1f}{between} points{doubt} for {price}: {ratio}."


@dataclass(frozen=True)
class EarlierRun:
    """The JSON of an earlier `keyhole invert`, as of the undefended target.

    Attributes:
        path: where it lies.
        document: what it holds.
    """

    path: Path
    document: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> EarlierRun:
        """The run in a file.

        Raises:
            UsageError: it is none.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not all(name in found for name in ("rows", "real", *_SAME)):
                raise ValueError("it lacks rows or facts")
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"--against {path}: expected the --json of another `keyhole invert` ({error})") from error
        return cls(path, found)

    def check(self, facts: dict[str, object]) -> None:
        """Refuse a run that this one cannot be compared with.

        Raises:
            UsageError: names what differs.
        """
        told = (*_SAME, *(name for name in _ALSO if name in self.document))
        if other := [name for name in told if self.document[name] != facts[name]]:
            raise UsageError(
                f"--against {self.path}: its {', '.join(other)} differ from this run's; attacks compare on the same "
                "classes, pictures and judge"
            )

    def gains(self, done: Inversion, names: Sequence[str]) -> Iterator[DefenceGain]:
        """What each attack that both runs have loses, and what natural accuracy does: over all classes; of the attacked
        ones alone where the earlier run is of a version that told no other.

        Args:
            done: this run.
            names: of the classes.
        """
        price = self._price(done)
        for row in done.attacks:
            earlier = self._row(row)
            if earlier is None:
                continue
            pairs = [
                (earlier["classes"].get(names[label], {}).get(_FIGURE), scores[_FIGURE])
                for label, scores in row.score.classes.items()
            ]
            lost = [old - new for old, new in pairs if old is not None and not math.isnan(new)]
            if lost:
                yield DefenceGain(row.name, Mean.of(lost), price)

    def _price(self, done: Inversion) -> float:
        if NATURAL in self.document:
            return float(self.document[NATURAL]) - float(str(done.facts[NATURAL]))
        natural = done.real.mean("target_top1")
        assert natural is not None  # the target answers to every picture
        return float(self.document["real"]["figures"]["target_top1"]["mean"]) - natural.mean

    def _row(self, row: InversionRow) -> dict[str, Any] | None:
        wanted = (row.chosen.attack, row.chosen.recipe_name)
        return next((one for one in self.document["rows"] if (one["attack"], one["recipe"]) == wanted), None)
