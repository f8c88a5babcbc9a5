"""Students of a classifier, which an attacker teaches on public pictures, from their folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from keyhole.nn.device import CPU
from keyhole.priors.trained import GeneratorCard, load_half, save_half
from keyhole.targets.architectures import architecture
from keyhole.targets.target import Preprocess


@dataclass(frozen=True)
class TrainedStudents:
    """Networks that answer as a target does.

    Attributes:
        card: what is known about them.
        models: N×3×H×W, normalised, to N×K logits.
        preprocess: of their pictures.
    """

    card: GeneratorCard
    models: tuple[nn.Module, ...]
    preprocess: Preprocess


def new_student(name: str, size: int, classes: int) -> nn.Module:
    """A network of an architecture, of random weights.

    Args:
        name: as for `keyhole train target`.
        size: of the pictures in pixels.
        classes: K.

    Raises:
        TargetError: no such architecture.
    """
    entry = architecture(name)
    return entry.family.build(entry.name, size=size, outputs=classes, pretrained=False)


def load_students(folder: Path, device: torch.device = CPU) -> TrainedStudents:
    """The students in a folder that `keyhole train prior --kind students` wrote.

    Raises:
        UsageError: none there, or of another kind.
    """
    card = GeneratorCard.read(folder, "students")
    models = tuple(
        load_half(new_student(name, card.size, card.classes), folder, _file(at), device)
        for at, name in enumerate(card.network["architectures"])
    )
    return TrainedStudents(card, models, Preprocess(card.size))


def save_students(models: nn.ModuleList, folder: Path) -> None:
    """Write students in half precision; their own weights become those."""
    for at, model in enumerate(models):
        save_half(model, folder, _file(at))


def _file(at: int) -> str:
    return f"student-{at}"
