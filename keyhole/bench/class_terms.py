"""Terms of a run's classifiers: the pictures that they were trained on, and how attacks picture their classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from keyhole.bench.settings import PlanSettings
from keyhole.evaluation.classes.settings import SUITES, InvertSettings, SuiteName
from keyhole.targets import ModelSettings

HELD_BACK = 0.25
"""Of each class's pictures, where no flag says otherwise."""


@dataclass(frozen=True)
class PrivateTerms:
    """What the classifiers of a run were trained on.

    Attributes:
        spec: as `keyhole train target --data` has it.
        part, vehicles, views: of it; as in `keyhole.bench.settings.PlanSettings`.
        held_back: share of each class's pictures that no training saw.
        seed: of which they are.
    """

    spec: str
    part: str = ""
    vehicles: int | None = None
    views: int | None = None
    held_back: float = HELD_BACK
    seed: int = 0

    @classmethod
    def of(cls, flags: PlanSettings) -> PrivateTerms | None:
        """The terms that flags say; None where they name no private pictures."""
        if not flags.private:
            return None
        share = HELD_BACK if flags.held_back is None else flags.held_back
        return cls(flags.private, flags.part, flags.vehicles, flags.views, share, flags.private_seed or 0)

    def inversion(self, model: ModelSettings) -> InvertSettings:
        """Settings of an inversion of a target that was trained on them, as far as these terms and flags of the target
        say it."""
        return InvertSettings(
            target=model.target,
            weights=model.weights,
            size=model.size,
            private=self.spec,
            part=self.part,
            identities=self.vehicles,
            views=self.views,
            held_back=self.held_back,
            private_seed=self.seed,
            workers=0,
        )


@dataclass(frozen=True)
class InversionTerms:
    """How attacks picture the private classes, and who judges; None or nothing where no flag says it.

    Attributes:
        suite: of `keyhole invert`: how many classes, and pictures of each, where nothing else is said.
        classes: numbers, ranges or names of those that are pictured.
        per_class: pictures of each.
        public_part, public_n, generators, judge, evaluator: as in `keyhole.bench.settings.PlanSettings`.
    """

    suite: SuiteName
    classes: tuple[str, ...] = ()
    per_class: int | None = None
    public_part: str = ""
    public_n: int | None = None
    generators: tuple[str, ...] = ()
    judge: str = ""
    evaluator: str = ""

    @classmethod
    def of(cls, flags: PlanSettings, suite: SuiteName) -> InversionTerms | None:
        """The terms that flags say; None where they name no attacks on classes."""
        if not flags.training_set:
            return None
        return cls(
            suite,
            flags.training_classes,
            flags.per_class,
            flags.public_part,
            flags.public_n,
            flags.generators,
            flags.judge,
            flags.evaluator,
        )

    @property
    def pictures(self) -> int:
        """Of each class."""
        return self.per_class or SUITES[self.suite].per_class

    @property
    def usual(self) -> int:
        """Classes that are pictured where none are named: the first ones."""
        return SUITES[self.suite].classes

    def filled(self, settings: InvertSettings, *, public: str, prior: str, threads: int) -> InvertSettings:
        """Settings of an inversion with these terms.

        Args:
            settings: of the target and its private pictures, see `PrivateTerms.inversion`.
            public, prior, threads: of the run.
        """
        found = replace(
            settings,
            suite=self.suite,
            classes=self.classes,
            per_class=self.pictures,
            public=public,
            public_part=self.public_part,
            prior=prior,
            generators=tuple(map(Path, self.generators)),
            judge=self.judge or None,
            evaluator=self.evaluator or None,
            threads=threads,
        )
        return found if self.public_n is None else replace(found, public_n=self.public_n)
