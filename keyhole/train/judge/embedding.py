"""Training of the judge's embedder: the vehicles, the teacher, and the embedder that learns from both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from keyhole.data.identities import IdentifiedPictures
from keyhole.evaluation.reidentification import ReidentificationTrial, Trials
from keyhole.judge.judge import PREPROCESS, VehicleEmbedder
from keyhole.targets.architectures import architecture
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess
from keyhole.terminal import terminal
from keyhole.train.judge.degradation import degrade
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.loop import train_task
from keyhole.train.recipe import Stages
from keyhole.train.tasks.reidentification import Reidentification, ReidRecipe
from keyhole.train.tasks.teacher import Teaching, embeddings_by
from keyhole.train.weights import start_from

_ARCHITECTURE = "resnet18"
_START = SHIPPED / "resnet18-tinyimagenet"
_HELD_OUT = 15
"""One of so many vehicles is held out for the trial."""


def split_vehicles(data: TruePictures) -> tuple[IdentifiedPictures, Trials]:
    """Pictures to train with and the trial to choose by.

    The last vehicles, one in fifteen and two at least, are in the trial; a picture of each is searched for among the
    others.
    """
    known = (data.identities != UNKNOWN).nonzero().flatten()
    count = int(data.identities.max()) + 1
    held_out = max(2, count // _HELD_OUT)
    unseen = data.identities[known] >= count - held_out
    train, test = (_identified(data, known[which]) for which in (~unseen, unseen))
    first = torch.cat([torch.tensor([True]), test.identities[1:] != test.identities[:-1]])
    probes, gallery = (which.nonzero().flatten().tolist() for which in (first, ~first))
    return train, Trials(selection=ReidentificationTrial(test, tuple(probes), tuple(gallery)))


def _identified(data: TruePictures, places: Tensor) -> IdentifiedPictures:
    """Pictures with identities from 0; cameras are not kept, so that all count as different."""
    identities = data.identities[places]
    return IdentifiedPictures(data.pictures[places], identities - int(identities.min()), torch.arange(len(places)))


@dataclass(frozen=True)
class TeacherRecipe(ReidRecipe):
    """Recipe of a re-identification target, on small pictures only: they tell as much about vehicles."""

    stages: Stages = ((64, 12),)


def taught_by_teacher(train: IdentifiedPictures, trials: Trials, recipe: TeacherRecipe, out: Path) -> Teaching:
    """Embeddings of the pictures by a large network that was trained on them.

    A small network learns a large one's embedding of each picture far faster than it learns to tell vehicles apart by
    itself. The teacher is none of the models under attack, which would pass their blind spots on: it sees vehicles of
    the pool ``public``, from a classifier's weights on.

    Args:
        train: pictures, those that the embedder learns from.
        trials: by which the progress is measured.
        recipe: the hyper-parameters; the last stage's side is the teacher's.
        out: folder for checkpoints.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """
    preprocess = Preprocess(recipe.stages[-1][0])
    torch.manual_seed(recipe.seed)
    network = with_neck(architecture(_ARCHITECTURE), None)
    start_from(network, _START)
    trained = train_task(Reidentification(network, train, trials, preprocess, recipe), out)
    return Teaching(embeddings_by(trained, preprocess, train.pictures, terminal()), recipe.teaching)


@dataclass(frozen=True)
class EmbedderRecipe(ReidRecipe):
    """Recipe of a re-identification target, with degraded pictures.

    Attributes:
        clean: share of the pictures that are not degraded.
    """

    stages: Stages = ((96, 8), (128, 6))
    learning_rate: float = 1e-3
    clean: float = 0.5


class EmbedderTask(Reidentification):
    """See `Reidentification`. The network is the one in a judge's embedder.

    Args:
        embedder: the judge's.
        train: true pictures of the pool ``public``.
        trials: by which the progress is measured.
        recipe: the hyper-parameters.
        teaching: what the teacher says of the pictures as they are.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """

    recipe: EmbedderRecipe

    def __init__(
        self,
        embedder: VehicleEmbedder,
        train: IdentifiedPictures,
        trials: Trials,
        recipe: EmbedderRecipe,
        teaching: Teaching,
    ) -> None:
        super().__init__(embedder.network, train, trials, PREPROCESS, recipe, teaching=teaching)

    def augmented(self, pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
        return degrade(super().augmented(pictures, size, generator), generator, self.recipe.clean)
