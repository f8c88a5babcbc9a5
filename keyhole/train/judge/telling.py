"""How the judge learns to tell vehicles apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.evaluation.reidentification import Trial
from keyhole.judge.identity import PREPROCESS, Embedder
from keyhole.train.judge.spoil import spoil
from keyhole.train.recipe import Stages
from keyhole.train.tasks.reid.pictures import IdentifiedPictures
from keyhole.train.tasks.reid.recipes import ReidRecipe
from keyhole.train.tasks.reid.task import Reidentification
from keyhole.train.tasks.reid.teacher import Teaching


@dataclass(frozen=True)
class TellingRecipe(ReidRecipe):
    """As a target of re-identification is trained, with spoilt pictures.

    Attributes:
        clean: share of the pictures that are not spoilt.
    """

    stages: Stages = ((96, 8), (128, 6))
    learning_rate: float = 1e-3
    clean: float = 0.5


class TellingApart(Reidentification):
    """See `Reidentification`. The network is the one in a judge's embedder.

    Args:
        embedder: the judge's.
        train: true pictures of the pool ``public``.
        trial: by which the progress is measured.
        recipe: the hyper-parameters.
        teaching: what the teacher says of the pictures as they are.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """

    recipe: TellingRecipe

    def __init__(
        self, embedder: Embedder, train: IdentifiedPictures, trial: Trial, recipe: TellingRecipe, teaching: Teaching
    ) -> None:
        super().__init__(embedder.network, train, trial, PREPROCESS, recipe, teaching=teaching)

    def augmented(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        return spoil(super().augmented(pictures, size, generator), generator, self.recipe.clean)
