"""Flags of ``keyhole train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class TrainSettings:
    """Train a target from scratch; write its weights as int8 with a card. A stopped run goes on where it was."""

    data: Path
    """Folder or zip with `train/<class>/…` and `val/<class>/…`, all pictures of one size."""
    out: Path
    """Folder for checkpoints, model.safetensors and card.json."""
    architecture: str = "resnet18"
    """Classifier of torchvision.models."""
    size: int = 128
    """Side of the pictures the target will take, in pixels."""
    stages: tuple[str, ...] = ("64:8", "96:3")
    """Picture side and epochs of each stage of the training, as SIDE:EPOCHS; small pictures first save time."""
    batch: int = 128
    """Pictures per step."""
    learning_rate: float = 0.4
    """Peak of the one-cycle schedule."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on processors with native bf16 arithmetic and is many times slower on others."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    data_name: str = "Tiny-ImageNet, 100 classes"
    """What the card calls the data."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""
