"""Stored weights: safetensors with int8 matrices, and beside them a card on origin, figures and use."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from keyhole.nn.tensor_file import write_tensors
from keyhole.service.errors import UsageError
from keyhole.service.files import checksum
from keyhole.sizes import Size
from keyhole.targets.settings import TaskName
from keyhole.targets.target import Preprocess, TargetError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")
CARD, WEIGHTS = "card.json", "model.safetensors"
_SCALE = ".int8_scale"
"""Suffix of the name of a matrix's scales."""
_OUTPUTS: Mapping[str, tuple[bool, bool]] = {
    "classification": (True, False),
    "re-identification": (False, True),
    "pretraining": (False, True),
    "captions": (False, True),
    "detection": (True, False),
}
"""Whether a task's cards have labels, and an embedding."""


@dataclass(frozen=True)
class Card:
    """What is known about the weights of a target.

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
        task: that it was trained for.
        embedding: length of the embedding; None where it answers with classes.
        backbone: ``target`` and ``sha256`` of the shipped target that has the weights which are not stored here; empty:
            all are.
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
    backbone: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def preprocess(self) -> Preprocess:
        """From a picture to the model's input."""
        return Preprocess(self.size, self.mean, self.std)


def read_card(folder: Path) -> Card:
    """The card of the target in ``folder``.

    Raises:
        TargetError: no card there, it lacks fields or has unknown ones, or its task and its outputs do not agree.
    """
    try:
        card = load_card(Card, folder)
    except UsageError as error:
        raise TargetError(str(error)) from error
    if _OUTPUTS.get(card.task) != (bool(card.labels), card.embedding is not None):
        raise TargetError(
            f"the card {folder / CARD}: expected labels and no embedding for classification and detection, or an "
            "embedding and no labels for re-identification, pretraining and captions; got "
            f"{card.task}, {len(card.labels)} labels, embedding {card.embedding}"
        )
    return card


def load_card(kind: type[C], folder: Path) -> C:
    """The card in ``folder``, of a target or of something else that is trained.

    Args:
        kind: a dataclass; JSON's lists become tuples in its fields.
        folder: holds ``card.json``.

    Raises:
        UsageError: no card there, or it lacks fields of the dataclass or has others.
    """
    path = folder / CARD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the card {path}: {error}") from error
    found = found if isinstance(found, dict) else {}
    own = dataclasses.fields(kind)
    needed = {f.name for f in own if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING}
    lacking, unknown = needed - set(found), set(found) - {field.name for field in own}
    if lacking or unknown:
        raise UsageError(
            f"cannot read the card {path}: it lacks {sorted(lacking) or 'nothing'} and has the unknown fields "
            f"{sorted(unknown) or 'none'}"
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


def write_card(card: DataclassInstance, folder: Path) -> None:
    """Write a card into ``folder``, with the SHA-256 of the weights that lie there as its ``sha256``."""
    save_card(dataclasses.replace(card, sha256=checksum(folder / WEIGHTS)), folder)


def save_card(card: DataclassInstance, folder: Path) -> None:
    """Write a card into ``folder`` as it is; what may be empty and is, is left out."""
    empty = {
        field.name
        for field in dataclasses.fields(card)
        if field.default_factory is not dataclasses.MISSING and not getattr(card, field.name)
    }
    told = {name: value for name, value in dataclasses.asdict(card).items() if name not in empty}
    text = json.dumps(told, indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def this_command() -> str:
    """The command that runs, as a card records it.

    >>> this_command().startswith("keyhole")
    True
    """
    return shlex.join(["keyhole", *sys.argv[1:]])


def quantise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Store every floating-point matrix or convolution as int8 with a scale per output channel, the rest as fp32."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point() or value.dim() < 2:
            stored[name] = value.contiguous()
            continue
        rows = value.detach().float().flatten(1)
        scale = (rows.abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        levels = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
        stored[name] = levels.view(value.shape).contiguous()
        stored[name + _SCALE] = scale
    return stored


def dequantise(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of `quantise`; a state dict without scales passes unchanged."""
    state: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(_SCALE):
            continue
        scale = stored.get(name + _SCALE)
        if scale is None:
            state[name] = value
        else:
            state[name] = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
    return state


def save_quantised(state: dict[str, Tensor], path: Path) -> None:
    """Write ``state`` to ``path`` as int8 safetensors."""
    write_tensors(quantise(state), path)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read safetensors (plain or int8) into a state dict."""
    return dequantise(load_file(str(path)))
