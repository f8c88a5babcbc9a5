"""What an adversary that breached the cloud says of the classes of the tiny classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from keyhole.v1.referee_pb2 import ClassPicture, RecallStatus, Roster, WantedClass
from keyhole.wire.pictures import pack_picture
from tests.attacks.tiny_classes import blobs
from tests.evaluation.tiny_inversion import NAMES

HASH = "0123456789abcdef"


def shows(label: int, seed: int = 900) -> Tensor:
    """A picture of a class that no training has seen, 3×16×16."""
    return blobs(torch.tensor([label]), seed)[0]


def made(label: int, picture: Tensor | None = None, **fields: Any) -> ClassPicture:
    """A final picture of a class, of that class unless another is given."""
    defaults: dict[str, Any] = {
        "attack": "latent",
        "recipe": "strong",
        "knowledge": "white box",
        "target": "tiny",
        "model_hash": HASH,
        "name": NAMES[label],
        "iteration": 60,
        "iterations": 60,
        "final": True,
    }
    shown = shows(label) if picture is None else picture
    return ClassPicture(label=label, picture=pack_picture(shown), **{**defaults, **fields})


def liked(label: int, picture: Tensor) -> ClassPicture:
    """The public picture that the classifier likes best for a class."""
    return made(label, picture, attack="public-best", iteration=0, iterations=1, floor=True)


def roster(*labels: int, state: str = "working", **fields: Any) -> Roster:
    """An adversary that pictures these classes."""
    classes = [WantedClass(label=label, name=NAMES[label]) for label in labels]
    defaults: dict[str, Any] = {"attack": "latent", "recipe": "strong", "knowledge": "white box", "target": "tiny"}
    return Roster(recall=RecallStatus(classes=classes, state=state, **{**defaults, "model_hash": HASH, **fields}))
