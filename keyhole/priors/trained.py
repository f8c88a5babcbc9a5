"""Generators that an attacker has trained on public pictures, and their cards: what `keyhole train prior` leaves."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from keyhole.nn.tensor_file import write_tensors
from keyhole.service.errors import UsageError
from keyhole.sizes import Size, size_text
from keyhole.targets.stored_weights import load_card

_log = logging.getLogger(__name__)
_SUFFIX = ".safetensors"
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class GeneratorCard:
    """What is known about a generator.

    Attributes:
        name: of the folder.
        kind: what it is, as `keyhole train prior --kind` has it.
        data: what it was trained on.
        licence: licence of the weights.
        recipe: settings of the training.
        seed: seed of the training.
        figures: measured values by name.
        network: what its networks are made with.
        parameters: of each network.
        command: command that makes the weights again.
        size: side of the pictures in pixels.
        latent: shape of the variable that a picture is made of.
        classes: K of the target; 0: it is of no target.
        target: the target whose answers it has learnt; empty: none.
        target_hash: of that target's weights.
        tuned: layers of a diffusion model that were fine-tuned, with the relative change by which they were chosen.
        sha256: SHA-256 of each file of weights, in hexadecimal, by path.
    """

    name: str
    kind: str
    data: str
    licence: str
    recipe: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]
    network: Mapping[str, Any]
    parameters: Mapping[str, int]
    command: str
    size: int
    latent: tuple[int, ...]
    classes: int = 0
    target: str = ""
    target_hash: str = ""
    tuned: Mapping[str, float] = dataclasses.field(default_factory=dict)
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, *kinds: str) -> Self:
        """The card in a folder.

        Raises:
            UsageError: none there, or of another kind than asked for.
        """
        card = load_card(cls, folder)
        if card.kind not in kinds:
            raise UsageError(
                f"{folder} holds a generator of kind {card.kind}: expected {' or '.join(kinds)}, as "
                f"`keyhole train prior --kind {kinds[0]} …` makes it"
            )
        return card

    def check_fits(self, classes: int, size: Size, where: object) -> None:
        """Refuse an attack on a target that it cannot serve.

        Args:
            classes: K of the target.
            size: of its pictures in pixels.
            where: the generator comes from.

        Raises:
            UsageError: it makes pictures of another size, or was made for another number of classes.
        """
        if self.size != size:
            raise UsageError(
                f"{where} makes pictures of {self.size} pixels, and the target takes {size_text(size)}: train one with "
                "its --size"
            )
        if self.classes and self.classes != classes:
            raise UsageError(
                f"{where}: its labels were made by {self.target}, which has {self.classes} classes, and the target "
                f"has {classes}: train one with --target of this target"
            )

    def warn_unless_made_for(self, target_hash: str, where: object) -> None:
        """Warn where another model than the target made its labels.

        Args:
            target_hash: of the target's weights.
            where: the generator comes from.
        """
        if self.target_hash not in ("", target_hash):
            _log.warning(
                "%s: its labels were made by another model (%s, %s) than the target (%s), so its classes may not be "
                "the target's: train one with --target of this target",
                where,
                self.target,
                self.target_hash,
                target_hash,
            )


def save_half(network: nn.Module, folder: Path, name: str) -> None:
    """Write a network's weights in half precision, and round its own as they are stored."""
    folder.mkdir(parents=True, exist_ok=True)
    network.cpu()
    stored = {
        key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in network.state_dict().items()
    }
    write_tensors(stored, folder / f"{name}{_SUFFIX}")
    network.load_state_dict(
        {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in stored.items()}
    )
    network.eval()


def load_half(network: M, folder: Path, name: str, device: torch.device) -> M:
    """A network with the weights that `save_half` wrote, in single precision, frozen.

    Raises:
        UsageError: no such file, or of another network.
    """
    try:
        network.load_state_dict(load_tensors(folder, name))
    except RuntimeError as error:
        raise UsageError(f"the weights {folder / name}{_SUFFIX} are of another network: {error}") from error
    return network.float().eval().requires_grad_(False).to(device)


def load_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """What `save_half` wrote.

    Raises:
        UsageError: no such file.
    """
    path = folder / f"{name}{_SUFFIX}"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot read the generator's weights {path}: {error}") from error
