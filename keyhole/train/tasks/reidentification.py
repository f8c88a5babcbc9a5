"""Re-identification: an embedding by which pictures of an identity are found again (PATROL §IV-A)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import cast

import numpy as np
import torch
from pytorch_metric_learning.samplers import MPerClassSampler
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.identities import IdentifiedPictures
from keyhole.evaluation.reidentification import Trials, read_parts
from keyhole.service.errors import UsageError
from keyhole.sizes import height_width, scaled, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.membership import TrainedOn
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess, TargetError, count_outputs
from keyhole.train.augment import varied
from keyhole.train.recipe import OptimiserName, Stages, TrainingRecipe, adjusted
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task
from keyhole.train.tasks.reid_data import open_parts, trained_on
from keyhole.train.tasks.reid_learner import Answers, ReidLearner, ReidLoss, leave_out_patches
from keyhole.train.tasks.teacher import Teaching, load_teacher, teach
from keyhole.train.weights import start_from


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
    "narrow:vit-*": _TRANSFORMERS,
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


def pk_batches(identities: Tensor, batch: int, per_identity: int, seed: int) -> Iterator[Tensor]:
    """About as many pictures as there are, in batches of ``batch / per_identity`` identities.

    An identity that has fewer pictures than ``per_identity`` gives some of them twice.

    Args:
        identities: N integers; `check_pk` holds for them.
        batch: pictures in a batch.
        per_identity: pictures of each identity in a batch.
        seed: of the order.

    Yields:
        ``batch`` indices into ``identities``.
    """
    kept = np.random.get_state()  # the sampler draws from numpy's generator
    try:
        np.random.seed(seed)
        order = list(MPerClassSampler(identities, per_identity, batch, length_before_new_iter=len(identities)))
    finally:
        np.random.set_state(kept)
    yield from torch.split(torch.tensor(order), batch)


def check_pk(identities: Tensor, batch: int, per_identity: int) -> None:
    """Refuse batches that cannot be made or that cannot be mined.

    Raises:
        ValueError: ``batch`` is no multiple of ``per_identity``; fewer than two identities or two pictures of each in a
            batch; or fewer identities or pictures than a batch needs.
    """
    if per_identity < 2 or batch % per_identity or batch // per_identity < 2:
        raise UsageError(
            f"batches of {batch} pictures, {per_identity} of each identity: expected 2 or more of each, and a multiple "
            "of that for 2 identities or more"
        )
    needed, found = batch // per_identity, len(set(identities.tolist()))
    if needed > found or batch > len(identities):
        raise UsageError(
            f"a batch of {batch} needs {needed} identities with {per_identity} pictures each; there are {found} "
            f"identities and {len(identities)} pictures"
        )


class Reidentification(Task):
    """See `Task`. The module is a `ReidLearner`, the target its network; labels are places among the training pictures.

    Args:
        network: N×3×H×W to embeddings, N×D, with a BNNeck, at any picture size of the recipe; it is taken apart.
        train: training pictures.
        trials: of other identities.
        preprocess: of the target.
        recipe: the hyper-parameters.
        data: one line on the training pictures, for the card.
        teaching: embeddings of the training pictures to be met besides; None: no teacher.
        trained_on: who is seen in the training pictures.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """

    kind = "re-identification"
    recipe: ReidRecipe
    module: ReidLearner

    def __init__(
        self,
        network: nn.Module,
        train: IdentifiedPictures,
        trials: Trials,
        preprocess: Preprocess,
        recipe: ReidRecipe,
        data: str = "",
        teaching: Teaching | None = None,
        trained_on: TrainedOn = TrainedOn(),  # noqa: B008  (frozen)
    ) -> None:
        check_pk(train.identities, recipe.batch, recipe.per_identity)
        learner = ReidLearner(network, train.count, teaching.length if teaching else None)
        self.module, self.recipe, self.preprocess, self.data = learner, recipe, preprocess, data
        self.steps = len(train.identities) // recipe.batch
        self.outputs = Outputs(embedding=learner.classifier.in_features)
        self.tested_on, self.trained_on = trials.counts, trained_on
        self._train, self._trials, self._teaching = train, trials, teaching
        self._loss = ReidLoss(recipe.margin, recipe.label_smoothing)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        recipe, train = self.recipe, self._train
        seed = int(torch.randint(2**31, (), generator=generator))
        for chosen in pk_batches(train.identities, recipe.batch, recipe.per_identity, seed):
            pictures = self.augmented(train.pictures[chosen].float() / 255, size, generator)
            yield Batch(self.preprocess.normalise(pictures), chosen)

    def augmented(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """Random changes of RGB pictures in [0, 1], N×3×H×W, at the target's proportions, ``size`` the shorter side."""
        return varied(pictures, scaled(self.preprocess.size, size), generator, self.recipe)

    def loss(self, answers: Answers, labels: Tensor) -> Tensor:
        identities = self._train.identities.to(labels.device)[labels]
        told_apart = self._loss(answers.features, answers.logits, identities)
        if self._teaching is None or answers.taught is None:
            return told_apart
        return told_apart + self._teaching.loss(answers.taught, labels)

    def network(self, module: nn.Module) -> nn.Module:
        return cast(ReidLearner, module).network()

    def assess(self, network: nn.Module, size: int) -> str:
        return self._trials.assess(
            network, Preprocess(scaled(self.preprocess.size, size), self.preprocess.mean, self.preprocess.std)
        )

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        return self._trials.figures(network, self.preprocess)


def reidentification(settings: TrainSettings, console: Console) -> Task:
    """The task that the flags describe.

    Raises:
        FileNotFoundError: no data there.
        ValueError: an unknown architecture, one that cannot take the recipe's pictures or that has no classifier to
            replace, or data that does not suffice (see `open_parts` and `check_pk`).
    """
    recipe = recipe_for(settings)
    torch.manual_seed(settings.seed)
    network = with_neck(architecture(settings.architecture), settings.size)
    start_from(network, settings.init)
    _check_sizes(network, settings, recipe)
    leave_out_patches(network, recipe.patch_drop)
    teacher = load_teacher(settings.teacher) if settings.teacher else None
    parts = open_parts(settings)
    train, trials = read_parts(
        parts,
        settings.size,
        workers=settings.workers,
        folder=settings.pictures or settings.out,
        console=console,
    )
    pictures = f"{len(train.pictures)} pictures of {train.count} identities"
    console.print(f"{pictures}, {recipe.epochs} epochs; {trials.text}", soft_wrap=True)
    data = f"{settings.data_name or settings.data}: {pictures}, {size_text(settings.size)} pixels"
    teaching = None
    if teacher:
        teaching = teach(teacher, train.pictures, recipe.teaching, settings.out, console)
    torch.manual_seed(settings.seed)
    preprocess, seen = Preprocess(settings.size), trained_on(settings.data, parts)
    return Reidentification(network, train, trials, preprocess, recipe, data, teaching, seen)


def _check_sizes(network: nn.Module, settings: TrainSettings, recipe: TrainingRecipe) -> None:
    for size in dict.fromkeys((*(scaled(settings.size, side) for side, _ in recipe.stages), settings.size)):
        try:
            count_outputs(network, size)
        except TargetError as error:
            raise TargetError(
                f"{error}. Where an architecture takes one size only, name it in both: "
                f"--size {size_text(settings.size)} --stages {min(height_width(settings.size))}:{recipe.epochs}"
            ) from error
