"""One attack with one seed."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.defences import defence_named, mechanism_hash, spelled
from keyhole.evaluation.settings import OfflineSettings
from keyhole.priors.prior import prior_hash
from keyhole.targets import Target
from keyhole.targets.target import defence_name


@dataclass(frozen=True)
class Trial:
    """What is run on the pictures.

    Attributes:
        settings: what all attacks have in common.
        choice: the attack.
        seed: of the attack.
        shown: seed of the choice of pictures.
    """

    settings: OfflineSettings
    choice: ChosenAttack[Recipe]
    seed: int
    shown: int

    @property
    def steps(self) -> int:
        """Steps of one optimisation, or of the training of an attack that learns."""
        if self.settings.iterations is not None:
            return self.settings.iterations
        return self.choice.recipe.steps(self.settings.queries)

    @property
    def training_steps(self) -> int:
        """Steps of the training that an attack does before its first frame, where that is not all it does."""
        steps = self.choice.recipe.prepares
        given = self.settings.training_steps
        return given if steps and given is not None else steps

    def description(self, target: Target) -> dict[str, object]:
        """All that decides what a reconstruction looks like."""
        return {**common(self.settings, target), **self.facts, "seed": self.seed, "pictures_seed": self.shown}

    @property
    def facts(self) -> dict[str, object]:
        """What decides it beside `common` and the seeds."""
        settings, choice = self.settings, self.choice
        return {
            "attack": choice.attack,
            "knowledge": choice.recipe.knowledge,
            "recipe": choice.recipe_name,
            "iterations": self.steps,
            "batch": settings.batch,
            "public": settings.public,
            "queries": settings.queries,
            "training_steps": self.training_steps,
            "patience": settings.patience,
            **(_prior(settings) if choice.entry.uses_prior else {}),
        }


def common(settings: OfflineSettings, target: Target) -> dict[str, object]:
    """Target, defence and pictures."""
    mechanism = mechanism_hash(defence_named(settings.defence))
    return {
        "target": target.name,
        "model_hash": target.hash,
        "size": target.preprocess.size,
        "defence": defence_name(target.defence, spelled(settings.defence)),
        "codec": settings.codec,
        "aware": not settings.unaware,
        "source": settings.source,
        "every": settings.every,
        **({"mechanism_hash": mechanism} if mechanism else {}),
        **({"frames": settings.frames} if settings.frames > 1 else {}),
    }


def _prior(settings: OfflineSettings) -> dict[str, object]:
    return {
        "prior": settings.prior,
        "prior_hash": prior_hash(settings.prior),
        "sampling_steps": settings.sampling_steps,
    }
