"""The card beside a file of weights: what they are, where they come from and how to use them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyhole.targets.errors import TargetError
from keyhole.targets.preprocess import Preprocess

CARD, WEIGHTS = "card.json", "model.safetensors"


@dataclass(frozen=True)
class Card:
    """What is known about weights.

    Attributes:
        name: the target's name.
        architecture: target whose architecture it has, such as ``resnet18``.
        data: what it was trained on.
        licence: licence of the weights.
        recipe: settings of the training.
        seed: seed of the training.
        figures: measured values by name, such as ``top1``.
        command: command that makes the weights again.
        size: side of the square picture in pixels.
        mean: per-channel mean of the preprocessing.
        std: per-channel deviation of the preprocessing.
        labels: name of each output.
        sha256: SHA-256 of the file of weights, in hexadecimal.
    """

    name: str
    architecture: str
    data: str
    licence: str
    recipe: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]
    command: str
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: tuple[str, ...]
    sha256: str

    @property
    def preprocess(self) -> Preprocess:
        """From a picture to the model's input."""
        return Preprocess(self.size, self.mean, self.std)


def read_card(folder: Path) -> Card:
    """The card in ``folder``.

    Raises:
        TargetError: no card there, or it lacks fields or has unknown ones.
    """
    path = folder / CARD
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(f"cannot read the card {path}: {error}") from error
    expected = {field.name for field in dataclasses.fields(Card)}
    if not isinstance(fields, dict) or set(fields) != expected:
        found = set(fields) if isinstance(fields, dict) else set()
        raise TargetError(
            f"the card {path} lacks {sorted(expected - found) or 'nothing'} and has the unknown fields "
            f"{sorted(found - expected) or 'none'}"
        )
    return Card(**(fields | {name: tuple(fields[name]) for name in ("mean", "std", "labels")}))


def write_card(card: Card, folder: Path) -> None:
    """Write ``card`` into ``folder``, with the checksum of the weights that lie there."""
    stamped = dataclasses.replace(card, sha256=checksum(folder / WEIGHTS))
    text = json.dumps(dataclasses.asdict(stamped), indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
