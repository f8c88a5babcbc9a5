"""Claims about attacks on classes, each with a verdict that is computed from differences class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.results.scores import NOT_YET
from keyhole.metrics.interval import Mean


@dataclass(frozen=True)
class ClassClaim:
    """A claim that one or more differences are above 0.

    Attributes:
        text: the claim.
        differences: each with what it is a difference of; None: it is not measured.
        unit: after a difference that is multiplied by `scale`.
        scale: of the differences, as they are printed.
        unknown: what is said where one is not known.
    """

    text: str
    differences: Sequence[tuple[str, Mean | None]]
    unit: str = "points"
    scale: float = 100.0
    unknown: str = NOT_YET

    @property
    def line(self) -> str:
        """The claim with its verdict and every difference, as a point of a list."""
        known = [(of, found) for of, found in self.differences if found is not None]
        if len(known) < len(self.differences) or not known:
            return f"- *{self.text}*: {self.unknown}."
        told = "; ".join(f"{of + ' ' if of else ''}{self._signed(found)}" for of, found in known)
        return f"- *{self.text}*: {whole_verdict([found for _, found in known])} ({told})."

    def _signed(self, found: Mean) -> str:
        digits = 1 if self.scale == 100 else 3
        text = f"{self.scale * found.mean:+.{digits}f}"
        if found.interval:
            low, high = (f"{self.scale * end:+.{digits}f}" for end in found.interval)
            text += f" [{low}, {high}]"
        return f"{text} {self.unit}".rstrip()


def verdict(found: Mean) -> str:
    """What the 95 % interval of a difference says of the claim that it is above 0.

    >>> [verdict(Mean(0.1, ends)) for ends in ((0.05, 0.2), (-0.3, -0.1), (-0.1, 0.3), None)]
    ['seen', 'not seen', 'undecided', 'undecided']
    """
    if found.interval is None:
        return "undecided"
    low, high = found.interval
    return "seen" if low > 0 else "not seen" if high < 0 else "undecided"


def whole_verdict(found: Sequence[Mean]) -> str:
    """Of a claim of several parts: seen where all are, not seen where one is not, else undecided."""
    said = [verdict(each) for each in found]
    return next((word for word in ("not seen", "undecided") if word in said), "seen")


def listed(claims: Sequence[ClassClaim]) -> str:
    """The claims as a list in Markdown."""
    return "\n".join(claim.line for claim in claims)
