"""Distillation: a teacher's embeddings, which another network learns to give."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.evaluation.reidentification import embed
from keyhole.targets.load import load_target
from keyhole.targets.neck import answers_with_embedding
from keyhole.targets.target import Preprocess, Target, TargetError
from keyhole.train.cache import cached_tensors
from keyhole.train.weights import place_of

_SHOWN = 512
_ANSWERS = "embeddings"


@dataclass(frozen=True)
class Teaching:
    """A teacher's embeddings as a loss.

    Distillation (Hinton et al. 2015) by what the teacher answers with; here that is an embedding, so that the loss is
    one of directions. It tells of each picture more than its identity does, which suits networks that learn slowly
    from few pictures, as transformers do (Touvron et al. 2021, "Training data-efficient image transformers").

    Attributes:
        embeddings: of the training pictures as they are, unit vectors, N×D.
        weight: of `loss` beside the losses of re-identification.
    """

    embeddings: Tensor
    weight: float

    @property
    def length(self) -> int:
        """Length D of an embedding."""
        return self.embeddings.shape[1]

    def loss(self, learnt: Tensor, places: Tensor) -> Tensor:
        """``weight`` times one less the cosine, a scalar mean.

        Args:
            learnt: B×D, of changed pictures.
            places: of these among the training pictures, B integers.
        """
        return self.weight * (1 - F.cosine_similarity(learnt, self.embeddings.to(learnt.device)[places])).mean()


def load_teacher(folder: Path) -> Target:
    """The target that ``keyhole train target`` left in a folder, or a shipped one by its name.

    Raises:
        TargetError: none there, or it answers with classes.
    """
    place = place_of(folder).resolve()
    teacher = load_target(place.name, shipped=place.parent)
    if not answers_with_embedding(teacher.model):
        raise TargetError(f"--teacher {folder}: it answers with classes; expected a target of re-identification")
    return teacher


def teach(teacher: Target, pictures: Tensor, weight: float, folder: Path, console: Console) -> Teaching:
    """A teacher's embeddings of pictures; they are kept in a file, so that a resumed run need not compute them again.

    Args:
        teacher: answers with embeddings.
        pictures: uint8 N×3×H×W.
        weight: see `Teaching`.
        folder: where the file is; it is made where it is missing.
        console: shows the progress.
    """

    def answers() -> dict[str, Tensor]:
        return {_ANSWERS: embeddings_by(teacher.model, teacher.preprocess, pictures, console)}

    asked = hashlib.sha256(pictures.contiguous().numpy().data).hexdigest()
    facts = {"teacher": teacher.hash, "pictures": asked}
    return Teaching(cached_tensors(folder / "teacher.safetensors", facts, answers)[_ANSWERS], weight)


def embeddings_by(teacher: nn.Module, preprocess: Preprocess, pictures: Tensor, console: Console) -> Tensor:
    """A teacher's embeddings of uint8 pictures N×3×H×W: unit vectors N×D."""
    parts = track(torch.split(pictures, _SHOWN), "asking the teacher", console=console)
    return F.normalize(torch.cat([embed(teacher, part, preprocess) for part in parts]))
