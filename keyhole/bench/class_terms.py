"""Terms of a run's classifiers: the pictures that they were trained on, and how attacks picture their classes."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.bench.settings import PlanSettings
from keyhole.evaluation.classes.settings import InvertSettings
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
