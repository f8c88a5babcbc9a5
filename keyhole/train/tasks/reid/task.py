"""Re-identification: an embedding by which pictures of an identity are found again (PATROL §IV-A)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.evaluation.reidentification import Trial, read_parts
from keyhole.sizes import height_width, scaled, size_text
from keyhole.targets.architectures import architecture
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess, TargetError
from keyhole.targets.user_models import count_outputs
from keyhole.train.augment import erase, random_resized_crop, recolour
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Batch, Outputs, Task
from keyhole.train.tasks.reid.learner import Answers, Learner
from keyhole.train.tasks.reid.loss import ReidLoss
from keyhole.train.tasks.reid.parts import open_parts
from keyhole.train.tasks.reid.patches import leave_out_patches
from keyhole.train.tasks.reid.pictures import IdentifiedPictures
from keyhole.train.tasks.reid.recipes import ReidRecipe, recipe_for
from keyhole.train.tasks.reid.sampling import check_pk, pk_batches
from keyhole.train.tasks.reid.teacher import Teaching, load_teacher, teach
from keyhole.train.weights import start_from


class Reidentification(Task):
    """See `Task`. The module is a `Learner`, the target its network; labels are places among the training pictures.

    Args:
        network: N×3×H×W to embeddings, N×D, with a BNNeck, at any picture size of the recipe; it is taken apart.
        train: training pictures.
        trial: pictures of other identities.
        preprocess: of the target.
        recipe: the hyper-parameters.
        data: one line on the training pictures, for the card.
        teaching: embeddings of the training pictures to be met besides; None: no teacher.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """

    recipe: ReidRecipe
    module: Learner

    def __init__(
        self,
        network: nn.Module,
        train: IdentifiedPictures,
        trial: Trial,
        preprocess: Preprocess,
        recipe: ReidRecipe,
        data: str = "",
        teaching: Teaching | None = None,
    ) -> None:
        check_pk(train.identities, recipe.batch, recipe.per_identity)
        learner = Learner(network, train.count, teaching.length if teaching else None)
        self.module, self.recipe, self.preprocess, self.data = learner, recipe, preprocess, data
        self.steps = len(train.identities) // recipe.batch
        self.outputs = Outputs(embedding=learner.classifier.in_features)
        self.tested_on = trial.counts
        self._train, self._trial, self._teaching = train, trial, teaching
        self._loss = ReidLoss(recipe.margin, recipe.label_smoothing)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        recipe, train = self.recipe, self._train
        seed = int(torch.randint(2**31, (), generator=generator))
        for chosen in pk_batches(train.identities, recipe.batch, recipe.per_identity, seed):
            pictures = self.augmented(train.pictures[chosen].float() / 255, size, generator)
            yield Batch(self.preprocess.normalise(pictures), chosen)

    def augmented(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """Random changes of RGB pictures in [0, 1], N×3×H×W, at the target's proportions, ``size`` the shorter side."""
        recipe = self.recipe
        pictures = random_resized_crop(pictures, scaled(self.preprocess.size, size), generator, (recipe.crop, 1.0))
        return erase(recolour(pictures, generator, recipe.colour), generator, recipe.erase)

    def loss(self, answers: Answers, labels: Tensor) -> Tensor:
        identities = self._train.identities.to(labels.device)[labels]
        told_apart = self._loss(answers.features, answers.logits, identities)
        if self._teaching is None or answers.taught is None:
            return told_apart
        return told_apart + self._teaching.loss(answers.taught, labels)

    def network(self, module: nn.Module) -> nn.Module:
        return cast(Learner, module).network()

    def assess(self, network: nn.Module, size: int) -> str:
        found = self._trial.retrieval(
            network, Preprocess(scaled(self.preprocess.size, size), self.preprocess.mean, self.preprocess.std)
        )
        return f"rank-1 {100 * found.rank_1:.1f} %, mAP {100 * found.mean_ap:.1f} %"

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        return self._trial.figures(network, self.preprocess)


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
    train, trial = read_parts(parts, settings.size, workers=settings.workers, folder=settings.out, console=console)
    pictures = f"{len(train.pictures)} pictures of {train.count} identities"
    tested = f"tested on {trial.data.count} others, {len(parts.probes)} probes"
    console.print(f"{pictures}, {recipe.epochs} epochs; {tested}")
    data = f"{settings.data_name or settings.data}: {pictures}, {size_text(settings.size)} pixels"
    teaching = None
    if teacher:
        teaching = teach(teacher, train.pictures, recipe.teaching, settings.out, console)
    torch.manual_seed(settings.seed)
    return Reidentification(network, train, trial, Preprocess(settings.size), recipe, data, teaching)


def _check_sizes(network: nn.Module, settings: TrainSettings, recipe: TrainingRecipe) -> None:
    for size in dict.fromkeys((*(scaled(settings.size, side) for side, _ in recipe.stages), settings.size)):
        try:
            count_outputs(network, size)
        except TargetError as error:
            raise TargetError(
                f"{error}. Where an architecture takes one size only, name it in both: "
                f"--size {size_text(settings.size)} --stages {min(height_width(settings.size))}:{recipe.epochs}"
            ) from error
