"""What leaks of a split classifier's training set and of its user's picture: claims, and which design to choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.results.class_claims import ClassClaim
from benchmarks.results.class_worlds import AttackedTarget
from benchmarks.results.designs import BOXES, Box
from benchmarks.results.inversions import ByClass, InversionRun, more
from benchmarks.results.scores import Leak, stronger
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE

UNDEFENDED, PEOPLE, PICTURE = "undefended", "training people", "user's picture"
"""What a design protects, by its paper."""


@dataclass(frozen=True)
class MetDesign:
    """A classifier, cut somewhere.

    Attributes:
        name: of its steps.
        target: the classifier.
        cut: where features leave the edge.
        protects: `UNDEFENDED`, `PEOPLE` or `PICTURE`.
        defence: at run time.
    """

    name: str
    target: AttackedTarget
    cut: str
    protects: str
    defence: str = "none"

    @property
    def title(self) -> str:
        """Of its row."""
        return f"{self.target.title}, `{self.cut}`"


@dataclass(frozen=True)
class BothLeaks:
    """What was measured of designs.

    Attributes:
        designs: in the order of the table.
        runs: class inversion, by design; one that is not measured is left out.
        features: reconstructions from features, by design and box, likewise.
        natural: accuracy by design, in [0, 1], with the defence at run time.
        word: the attack on the training set that is told of.
    """

    designs: Sequence[MetDesign]
    runs: Mapping[str, InversionRun]
    features: Mapping[tuple[str, Box], Leak]
    natural: Mapping[str, Mean]
    word: str

    @cached_property
    def points(self) -> Sequence[tuple[MetDesign, Mean, Leak]]:
        """Designs of which both leaks are measured: share that is recognised, and features by the stronger box."""
        found = []
        for design in self.designs:
            both = [leak for box in BOXES if (leak := self.features.get((design.name, box)))]
            people = self.runs[design.name].mean(self.word) if design.name in self.runs else None
            if people and len(both) == len(BOXES):
                found.append((design, people, stronger(*both)))
        return found

    def claims(self) -> Iterator[ClassClaim]:
        """Whether each defence keeps either secret, beside the undefended classifier at the same cut."""
        for design in self.designs:
            if design.protects == UNDEFENDED:
                continue
            plain = f"plain-{design.cut}"
            people = [(self.word, self._less_of_people(plain, design.name))]
            yield ClassClaim(f"{design.title}: less leaks of the training set", people)
            picture = [(f"{box} box", self._less_of_picture(plain, design.name, box)) for box in BOXES]
            yield ClassClaim(f"{design.title}: less leaks of the user's picture", picture, "SSIM", 1)

    def choice(self) -> str:
        """Designs that no other one beats in both leaks and in accuracy, by the means; empty where fewer than two are
        measured."""
        facts = {
            design.name: (people.mean, leak.mean(HEADLINE).mean, -self.natural[design.name].mean)
            for design, people, leak in self.points
            if design.name in self.natural
        }
        if len(facts) < 2:
            return ""
        titles = {design.name: design.title for design in self.designs}
        best = [titles[name] for name, own in facts.items() if not any(_beats(each, own) for each in facts.values())]
        people, picture, accurate = (min(facts, key=lambda name: facts[name][place]) for place in range(3))
        return (
            f"Least leaks of the training set from {titles[people]} ({100 * facts[people][0]:.0f} % recognised), of "
            f"the user's picture from {titles[picture]} (SSIM {facts[picture][1]:.2f}); {titles[accurate]} is the most "
            f"accurate ({-100 * facts[accurate][2]:.0f} %). None matches these in all three: {'; '.join(best)}. By the "
            "means alone, in this world."
        )

    def _less_of_people(self, plain: str, ours: str) -> Mean | None:
        return more(self._shares(plain), self._shares(ours))

    def _shares(self, name: str) -> ByClass:
        return self.runs[name].by_class(self.word) if name in self.runs else {}

    def _less_of_picture(self, plain: str, ours: str, box: Box) -> Mean | None:
        before, after = self.features.get((plain, box)), self.features.get((ours, box))
        return after.less(before, HEADLINE) if before and after else None


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one is at least as small everywhere and smaller somewhere."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
