"""Access to a classifier's classes: what attackers of each kind know of it, and what their pictures depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import Tensor

from keyhole.attacks.classes.base import (
    Answer,
    ClassAccess,
    ClassBlind,
    ClassConfidences,
    ClassLabels,
    ClassWhiteBox,
    no_generator,
)
from keyhole.attacks.classes.classifier import OpenClassifier
from keyhole.attacks.classes.learned import warn_of_other_pictures, warn_of_the_priors_pictures
from keyhole.attacks.classes.recipe_facts import hyper_parameters
from keyhole.attacks.classes.registry import CLASS_ATTACKS, ChosenClassAttack
from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior, load_prior, prior_hash
from keyhole.priors.trained import GeneratorCard
from keyhole.service.errors import UsageError
from keyhole.service.files import checksum
from keyhole.targets import Target
from keyhole.targets.stored_weights import CARD

_KIND = "kind"


class CountedClassifier:
    """A classifier that counts the pictures that it is asked about.

    Args:
        opened: the classifier.
    """

    def __init__(self, opened: OpenClassifier) -> None:
        self._opened = opened
        self.pictures = 0

    def __call__(self, pictures: Tensor) -> Answer:
        """See `OpenClassifier`."""
        self.pictures += len(pictures)
        return self._opened(pictures)

    def label(self, pictures: Tensor) -> Tensor:
        """See `OpenClassifier.label`."""
        self.pictures += len(pictures)
        return self._opened.label(pictures)


@dataclass(frozen=True, eq=False)
class OpenedClasses:
    """A classifier under attack and what its attackers have.

    Attributes:
        target: the classifier.
        public: the attacker's pictures, N×3×H×W in [0, 1].
        public_spec: what they are called.
        public_hash: changes with them.
        prior_spec: name of the prior; None: there is none.
        generators: folders of trained generators.
        seed: of all that attacks draw.
        device: where they compute.
        public_part: what of the public pictures it is; empty: it is not known.
    """

    target: Target
    public: Tensor
    public_spec: str
    public_hash: str
    prior_spec: str | None = None
    generators: Sequence[Path] = ()
    seed: int = 0
    device: torch.device = CPU
    public_part: str = ""

    @cached_property
    def opened(self) -> OpenClassifier:
        """The classifier with its logits and penultimate activations, on the device."""
        target = self.target
        return OpenClassifier(target.model.to(self.device), target.preprocess.normalise, target.outputs)

    @cached_property
    def counted(self) -> CountedClassifier:
        """The same as attackers have it."""
        return CountedClassifier(self.opened)

    @cached_property
    def access(self) -> ClassAccess:
        """What attackers of each kind know."""
        opened, device = self.counted, self.device

        def prior() -> Prior:
            if self.public_part:
                warn_of_the_priors_pictures(self.prior_spec, self.public_spec, self.public_part)
            return load_prior(self.prior_spec, device=device)

        def shown() -> Tensor:
            return self.public

        @cache
        def generators(kind: str) -> Path:
            folder = generator_folder(self.generators, kind, self.target.hash)
            GeneratorCard.read(folder, kind).warn_unless_made_for(self.target.hash, f"--generators {folder}")
            if self.public_part:
                warn_of_other_pictures(folder, self.public_spec, self.public_part, f"--generators {folder}")
            return folder

        facts = (self.target.outputs, self.target.preprocess.size, shown, cache(prior), generators)
        white = ClassWhiteBox(*facts, device, classify=opened)
        confidences = ClassConfidences(*facts, device, confide=white.confide)
        labels = ClassLabels(*facts, device, label=lambda pictures: opened.label(pictures.to(device)).cpu())
        blind = ClassBlind(*facts, device)
        return ClassAccess(lambda: white, lambda: confidences, lambda: labels, lambda: blind)

    def facts(self, chosen: ChosenClassAttack, iterations: int, loss: str | None = None) -> Mapping[str, object]:
        """All that a picture of an attack depends on, beside its class and its number.

        Args:
            chosen: the attack.
            iterations: steps for one picture.
            loss: that it minimises; None: the recipe's own.

        Raises:
            UsageError: no generator or prior where it needs one.
        """
        recipe, target = chosen.recipe, self.target
        cards = [self.access.blind().generators(kind) / CARD for kind in recipe.generators]
        return {
            "attack": chosen.attack,
            "recipe": chosen.recipe_name,
            "knowledge": recipe.knowledge,
            "iterations": iterations,
            "loss": (loss or recipe.loss) if recipe.loss else None,
            "seed": self.seed,
            "target": target.name,
            "model_hash": target.hash,
            "defence": target.defence or "none",
            "size": target.preprocess.size,
            "public": self.public_spec,
            "public_hash": self.public_hash,
            "prior": self.prior_spec if recipe.uses_prior else None,
            "prior_hash": prior_hash(self.prior_spec) if recipe.uses_prior else None,
            "generator": "+".join(checksum(card)[:12] for card in cards) or None,
            "attack_hash": chosen.source_hash or None,
            **hyper_parameters(recipe),
        }


def generator_folder(folders: Sequence[Path], kind: str, target_hash: str = "") -> Path:
    """The folder of a trained generator of a kind, by what the cards say: one that was made for the target, where
    there are several.

    Args:
        folders: of generators.
        kind: that is looked for.
        target_hash: of the target's weights; where no generator was made for it, another one's is taken.

    Raises:
        UsageError: none of the folders holds one, or one holds no card.
    """
    found = []
    for folder in folders:
        try:
            said = json.loads((folder / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--generators {folder}: no trained generator, its {CARD} cannot be read: {error}"
            ) from error
        if isinstance(said, dict) and said.get(_KIND) == kind:
            found.append((said.get("target_hash") or target_hash, folder))
    own = [folder for made_for, folder in found if made_for == target_hash]
    return next(iter([*own, *(folder for _, folder in found)]), None) or no_generator(kind)


def ready_attacks(folders: Sequence[Path]) -> tuple[str, ...]:
    """Names of the attacks that find the generators that they need.

    Args:
        folders: of generators.
    """

    def has(kind: str) -> bool:
        try:
            return bool(generator_folder(folders, kind))
        except UsageError:
            return False

    first = {name: next(iter(entry.recipes.values())) for name, entry in CLASS_ATTACKS.items()}
    return tuple(name for name, recipe in first.items() if all(has(kind) for kind in recipe.generators))
