"""The card beside a file of weights: what they are, where they come from and how to use them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyhole.checksum import checksum
from keyhole.sizes import Size
from keyhole.targets.settings import TaskName
from keyhole.targets.target import Preprocess, TargetError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CARD, WEIGHTS = "card.json", "model.safetensors"
_OUTPUTS: Mapping[str, tuple[bool, bool]] = {"classification": (True, False), "re-identification": (False, True)}
"""Whether a task's cards have labels, and an embedding."""


@dataclass(frozen=True)
class Card:
    """What is known about weights.

    Attributes:
        name: the target's name.
        architecture: whose weights they are, such as ``resnet18`` or ``timm:vit_tiny_patch16_224``.
        data: what it was trained on.
        licence: licence of the weights.
        recipe: settings of the training.
        seed: seed of the training.
        figures: measured values by name, such as ``top1`` or ``rank_1``; shares in percent.
        command: command that makes the weights again.
        size: of the picture in pixels: a side, or height and width.
        mean: per-channel mean of the preprocessing.
        std: per-channel deviation of the preprocessing.
        labels: name of each class; empty for an embedding.
        sha256: SHA-256 of the file of weights, in hexadecimal.
        task: what it was trained for.
        embedding: length of the embedding; None where it answers with classes.
    """

    name: str
    architecture: str
    data: str
    licence: str
    recipe: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]
    command: str
    size: Size
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    labels: tuple[str, ...]
    sha256: str
    task: TaskName = "classification"
    embedding: int | None = None

    @property
    def preprocess(self) -> Preprocess:
        """From a picture to the model's input."""
        return Preprocess(self.size, self.mean, self.std)


def read_card(folder: Path) -> Card:
    """The card in ``folder``.

    Raises:
        TargetError: no card there, it lacks fields or has unknown ones, or its task and its outputs do not agree.
    """
    path = folder / CARD
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(f"cannot read the card {path}: {error}") from error
    found = set(fields) if isinstance(fields, dict) else set()
    known = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(Card)}
    lacking, unknown = {name for name, needed in known.items() if needed} - found, found - set(known)
    if lacking or unknown:
        raise TargetError(
            f"the card {path} lacks {sorted(lacking) or 'nothing'} and has the unknown fields "
            f"{sorted(unknown) or 'none'}"
        )
    lists = ("mean", "std", "labels", *(("size",) if isinstance(fields["size"], list) else ()))
    card = Card(**(fields | {name: tuple(fields[name]) for name in lists}))
    if _OUTPUTS.get(card.task) != (bool(card.labels), card.embedding is not None):
        raise TargetError(
            f"the card {path}: expected labels and no embedding for classification, or an embedding and no labels for "
            f"re-identification; got {card.task}, {len(card.labels)} labels, embedding {card.embedding}"
        )
    return card


def write_card(card: Card, folder: Path) -> None:
    """Write ``card`` into ``folder``, with the checksum of the weights that lie there."""
    save_card(dataclasses.replace(card, sha256=checksum(folder / WEIGHTS)), folder)


def save_card(card: DataclassInstance, folder: Path) -> None:
    """Write the fields of any card into ``folder``."""
    text = json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
