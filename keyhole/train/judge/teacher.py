"""The teacher of the judge's embedder, trained for that alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from keyhole.evaluation.reidentification import Trial
from keyhole.targets.architectures import architecture
from keyhole.targets.catalogue import SHIPPED
from keyhole.targets.neck import with_neck
from keyhole.targets.target import Preprocess
from keyhole.terminal import terminal
from keyhole.train.loop import fit
from keyhole.train.recipe import Stages
from keyhole.train.tasks.reid.pictures import IdentifiedPictures
from keyhole.train.tasks.reid.recipes import ReidRecipe
from keyhole.train.tasks.reid.task import Reidentification
from keyhole.train.tasks.reid.teacher import Teaching, embeddings_by
from keyhole.train.weights import start_from

_ARCHITECTURE = "resnet18"
_START = SHIPPED / "resnet18-tinyimagenet"


@dataclass(frozen=True)
class TeacherRecipe(ReidRecipe):
    """As a target of re-identification is trained, on small pictures only; they tell as much about vehicles."""

    stages: Stages = ((64, 12),)


def taught_by_teacher(train: IdentifiedPictures, trial: Trial, recipe: TeacherRecipe, out: Path) -> Teaching:
    """What a large network says of the pictures, once it was trained on them.

    A small network learns far faster to say what a large one says of each picture than to tell vehicles apart by
    itself. The teacher is none of the models under attack, which would pass their blind spots on: it sees vehicles of
    the pool ``public``, from a classifier's weights on.

    Args:
        train: pictures, those that the embedder learns from.
        trial: by which the progress is measured.
        recipe: the hyper-parameters; the last stage's side is the teacher's.
        out: folder for checkpoints.

    Raises:
        ValueError: the pictures do not suffice for PK batches.
    """
    preprocess = Preprocess(recipe.stages[-1][0])
    torch.manual_seed(recipe.seed)
    network = with_neck(architecture(_ARCHITECTURE), None)
    start_from(network, _START)
    trained = fit(Reidentification(network, train, trial, preprocess, recipe), out)
    return Teaching(embeddings_by(trained, preprocess, train.pictures, terminal()), recipe.teaching)
