"""All that a trained attacker depends on, by which it is found again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from keyhole.attacks.features.clip_training import ClipTrainedRecipe
from keyhole.attacks.features.refined import LadderRecipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.defences import defence_hash
from keyhole.extensions import extension_hash
from keyhole.priors.prior import prior_hash
from keyhole.sizes import size_text
from keyhole.targets.catalogue import Catalogue
from keyhole.targets.target import Preprocess

FORMAT = 1
"""Raised when the same settings train another network than before."""


@dataclass(frozen=True)
class AttackerKey:
    """All that a network depends on, but for the length of its training and its seed: whoever needs a training of a
    certain length says so.

    Attributes:
        target: name of the model under attack.
        model_hash: of its weights.
        source_hash: of the file of a model of a user's own; else empty.
        preprocess: size, mean and deviation that pictures are brought to.
        cut: canonical name of the cut.
        defence: of the answers that it learned from, with what the target was trained as.
        mechanism_hash: of the files that this defence is made of; empty where there are none.
        codec: that the answers were packed by, without compression, which loses nothing.
        looks: at each picture, combined.
        public: pictures that were asked about.
        public_hash: of these pictures.
        prior_hash: of the prior that its pictures are decoded by; empty where there is none.
        sampling_steps: of a diffusion.
        recipe: its settings, networks and losses.
        format: see `FORMAT`.
    """

    target: str
    model_hash: str
    source_hash: str
    preprocess: str
    cut: str
    defence: str
    mechanism_hash: str
    codec: str
    looks: int
    public: str
    public_hash: str
    prior_hash: str
    sampling_steps: int
    recipe: str
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with each of them."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def apart(self, other: AttackerKey) -> tuple[str, ...]:
        """In words, what is not the same in another."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in _FIELDS)
        return tuple(
            "its recipe has other settings"
            if name == "recipe"
            else f"{name.replace('_', ' ')} was {theirs or 'none'} and is {ours or 'none'}"
            for name, ours, theirs in pairs
            if ours != theirs
        )


_FIELDS = dataclasses.fields(AttackerKey)


class AttackerTerms(Protocol):
    """Flags that a network depends on, of whatever command."""

    @property
    def public(self) -> str:
        """Pictures that are asked about."""

    @property
    def prior(self) -> str:
        """What is known of pictures."""

    @property
    def sampling_steps(self) -> int | None:
        """Of a diffusion; None: the recipe's."""


def key_before_frames(
    recipe: TrainedRecipe,
    terms: AttackerTerms,
    *,
    public_hash: str,
    target: str,
    preprocess: Preprocess,
    defence: str,
    uses_prior: bool,
    looks: int = 1,
) -> AttackerKey:
    """What a network depends on, as far as an attacker knows it before a frame: what its header says is empty.

    Args:
        recipe: of the network.
        terms: the flags.
        public_hash: of the pictures that are asked about.
        target: as its flag names it.
        preprocess: of the target.
        defence: that the attacker knows of.
        uses_prior: whether the attack does.
        looks: at each picture, combined.

    Raises:
        UsageError: no such defence or prior.
    """
    return AttackerKey(
        target="",
        model_hash="",
        source_hash=source_hash(target),
        preprocess=preprocess_text(preprocess),
        cut="",
        defence="",
        mechanism_hash=defence_hash(defence),
        codec="",
        looks=looks,
        public=terms.public,
        public_hash=public_hash,
        prior_hash=prior_hash(terms.prior) if uses_prior else "",
        sampling_steps=terms.sampling_steps or recipe.training.sampling_steps if recipe.samples else 0,
        recipe=recipe_text(recipe),
    )


def recipe_text(recipe: TrainedRecipe) -> str:
    """A recipe with all settings of its training, as JSON: what differs in anything trains another network."""
    trains = TrainedRecipe(recipe.training, recipe.generator, recipe.samples)
    settings = _described(trains)
    del settings["told"]  # a network whose diffusion model is told texts is not saved
    return json.dumps(settings, sort_keys=True)


def _described(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__qualname__, **fields}
    if isinstance(value, partial):
        return [_described(value.func), [*map(_described, value.args)], _described(value.keywords)]
    if isinstance(value, Mapping):
        return {str(name): _described(one) for name, one in value.items()}
    return f"{value.__module__}.{value.__qualname__}" if callable(value) else value


def network_recipe(recipe: object) -> TrainedRecipe | None:
    """The recipe of an attack's network, of a ladder that of its first rung; None where no network of it is saved, as
    of clips, or of a white box, which has no oracle."""
    if isinstance(recipe, LadderRecipe):
        return recipe.refined.first
    return recipe if isinstance(recipe, TrainedRecipe) and not isinstance(recipe, ClipTrainedRecipe) else None


def preprocess_text(preprocess: Preprocess) -> str:
    """What pictures are brought to, in one line.

    >>> preprocess_text(Preprocess(128, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)))
    '128, mean 0.5 0.5 0.5, std 1.0 1.0 1.0'
    """
    mean, std = (" ".join(map(str, values)) for values in (preprocess.mean, preprocess.std))
    return f"{size_text(preprocess.size)}, mean {mean}, std {std}"


def plain_codec(name: str) -> str:
    """A codec without its compression, which loses nothing.

    >>> plain_codec("int8+zstd")
    'int8'
    """
    return name.partition("+")[0]


def source_hash(target: str) -> str:
    """Of the file of a model of a user's own, see `keyhole.extensions.extension_hash`; empty for others."""
    return "" if Catalogue().find(target) else extension_hash(target)
