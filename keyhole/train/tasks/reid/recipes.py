"""How re-identification is trained, by architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from keyhole.train.recipe import OptimiserName, Stages, TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings


@dataclass(frozen=True)
class ReidRecipe(TrainingRecipe):
    """The hyper-parameters of re-identification, besides those of `TrainingRecipe`.

    PATROL §IV-A trains ResNet-18 with fast-reid for 90 epochs at a rate of 0.0003 in batches of 512, and names neither
    the optimiser, nor the margin, nor the weights of the two losses. The margin of 0.3 and the weights of 1 are those
    of "Bag of tricks" (Luo et al. 2019), fast-reid's strong baseline, which starts from ImageNet's weights. Here
    training is short, on small pictures first, and starts from scratch or from Tiny-ImageNet's weights, hence AdamW and
    other rates.

    Attributes:
        per_identity: pictures of each identity in a batch.
        margin: of the triplet loss, in the unit of the features.
        crop: smallest share of a picture's area that a random crop keeps.
        colour: strength of the change of brightness and contrast.
        erase: share of the pictures in which a rectangle is erased.
        teaching: weight of the distance to a teacher's embeddings, where there is a teacher.
        patch_drop: share of a transformer's patches that are left out of each training picture.
    """

    stages: Stages = ((64, 10), (96, 2), (128, 1))
    batch: int = 64
    learning_rate: float = 7e-4
    weight_decay: float = 0.01
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    per_identity: int = 4
    margin: float = 0.3
    crop: float = 0.8
    colour: float = 0.15
    erase: float = 0.25
    teaching: float = 10.0
    patch_drop: float = 0.0


_CONVOLUTIONS = ReidRecipe()
_TRANSFORMERS = ReidRecipe(stages=((128, 20),), learning_rate=5e-4, weight_decay=0.05, warm_up=0.15)

RECIPES: Mapping[str, ReidRecipe] = {
    "*vit_*": _TRANSFORMERS,
    "*deit*": _TRANSFORMERS,
    "*swin*": _TRANSFORMERS,
    "*": _CONVOLUTIONS,
}
"""Recipes by pattern of the architecture's name; the first that fits is used."""


def recipe_for(settings: TrainSettings) -> ReidRecipe:
    """The architecture's recipe with what the flags set.

    Raises:
        ValueError: a stage is not of the form SIDE:EPOCHS.
    """
    recipe = next(recipe for pattern, recipe in RECIPES.items() if fnmatch(settings.architecture, pattern))
    own = replace(recipe, per_identity=settings.per_identity, patch_drop=settings.patch_drop)
    return adjusted(own, settings)
