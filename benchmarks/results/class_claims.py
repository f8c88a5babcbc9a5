"""Claims about attacks on classes, each with its verdict on differences class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.results.scores import NOT_YET
from keyhole.metrics.interval import Mean
from keyhole.metrics.verdicts import verdict, whole_verdict


@dataclass(frozen=True)
class ClassClaim:
    """A claim that one or more differences are above 0, or above a size.

    Attributes:
        text: the claim.
        differences: each with what it is a difference of, a claimed size taken off; None: it is not measured.
        unit: after a difference that is multiplied by `scale`.
        scale: of the differences, as they are printed.
        unknown: what is said where one is not known.
        sized: whether a size is claimed.
    """

    text: str
    differences: Sequence[tuple[str, Mean | None]]
    unit: str = "points"
    scale: float = 100.0
    unknown: str = NOT_YET
    sized: bool = False

    @property
    def line(self) -> str:
        """The claim with its verdict and every difference, as a point of a list."""
        known = [(of, found) for of, found in self.differences if found is not None]
        if len(known) < len(self.differences) or not known:
            return f"- *{self.text}*: {self.unknown}."
        told = "; ".join(f"{of + ' ' if of else ''}{self._signed(found)}" for of, found in known)
        said = whole_verdict([verdict(found, sized=self.sized) for _, found in known])
        return f"- *{self.text}*: {said} ({told})."

    def _signed(self, found: Mean) -> str:
        digits = 1 if self.scale == 100 else 3
        text = f"{self.scale * found.mean:+.{digits}f}"
        if found.interval:
            low, high = (f"{self.scale * end:+.{digits}f}" for end in found.interval)
            text += f" [{low}, {high}]"
        none = "" if found.interval else ", no interval"
        return f"{text} {self.unit}".rstrip() + none


def listed(claims: Sequence[ClassClaim]) -> str:
    """The claims as a list in Markdown."""
    return "\n".join(claim.line for claim in claims)
