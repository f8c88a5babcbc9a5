"""Attackers that were trained before: networks of black boxes, each in a folder with a card that says what it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from keyhole.attacks.attacker_key import AttackerKey, recipe_text
from keyhole.attacks.features.learner import TrainedNetwork
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.nn.device import CPU
from keyhole.nn.payload import Shape
from keyhole.nn.tensor_file import write_tensors
from keyhole.service.errors import UsageError
from keyhole.service.files import checksum
from keyhole.targets.stored_weights import CARD, WEIGHTS, load_card, load_weights, save_quantised, write_card

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the attackers in the package."""


@dataclass(frozen=True)
class AttackerCard:
    """What is known about a saved network.

    Attributes:
        name: of the folder.
        attack: ``ATTACK/RECIPE`` that it was trained for.
        key: fields of its `AttackerKey`.
        steps: of its training.
        queries: pictures that the oracle was asked about.
        seed: of the training.
        shapes: of the live tensors of one picture.
        variable: shape of what it makes for one picture.
        loss: mean of the latest ones.
        data: what it was trained on, in words.
        licence: licence of the weights.
        figures: measured values by name.
        command: command that makes it again.
        parameters: weights of the network.
        sha256: SHA-256 of the file of weights, in hexadecimal.
    """

    name: str
    attack: str
    key: Mapping[str, Any]
    steps: int
    queries: int
    seed: int
    shapes: tuple[Sequence[int], ...]
    variable: tuple[int, ...]
    loss: float
    data: str
    licence: str
    figures: Mapping[str, float]
    command: str
    parameters: int
    sha256: str = ""

    @property
    def of(self) -> AttackerKey:
        """What it depends on.

        Raises:
            UsageError: the card is of another version of Keyhole.
        """
        try:
            return AttackerKey(**self.key)
        except TypeError as error:
            raise UsageError(f"the card of the attacker {self.name} is of another version: {error}") from error


@dataclass(frozen=True)
class SavedAttacker:
    """A network in its folder.

    Attributes:
        folder: with card and weights.
        card: what is known about it.
    """

    folder: Path
    card: AttackerCard

    @classmethod
    def read(cls, folder: Path) -> SavedAttacker:
        """The attacker in a folder.

        Raises:
            UsageError: no card there, or its weights are not those that the card describes.
        """
        card, weights = load_card(AttackerCard, folder), folder / WEIGHTS
        if not weights.is_file() or checksum(weights) != card.sha256:
            raise UsageError(
                f"{weights} is not the file that its card describes (SHA-256 {card.sha256[:16]}…): train the attacker "
                f"again, {card.command}"
            )
        return cls(folder, card)

    @property
    def facts(self) -> dict[str, object]:
        """What it is and what it cost, for JSON."""
        card = self.card
        return {"sha256": card.sha256[:12], "steps": card.steps, "queries": card.queries, "seed": card.seed}

    def load(self, recipe: TrainedRecipe, device: torch.device = CPU) -> TrainedNetwork:
        """The network, on a device, with what it cost.

        Raises:
            UsageError: its weights cannot be read, or are of another network than the recipe's.
        """
        card = self.card
        shapes: list[Shape] = [tuple(shape) for shape in card.shapes]
        network = recipe.training.network(shapes, card.variable)
        try:
            network.load_state_dict(load_weights(self.folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise UsageError(f"{self.folder / WEIGHTS} does not fit the network of {card.attack}: {error}") from error
        network.eval().requires_grad_(False).to(device)
        return TrainedNetwork(network, card.steps, card.loss, card.queries, before=True)


def save_attacker(card: AttackerCard, network: nn.Module, folder: Path, *, exact: bool = False) -> SavedAttacker:
    """Write a network and its card; the card is what makes the folder an attacker, and comes last.

    Args:
        card: without the SHA-256.
        network: in evaluation mode.
        folder: is there.
        exact: keep single precision; otherwise int8 with a scale per channel.
    """
    state = network.state_dict()
    (folder / CARD).unlink(missing_ok=True)
    if exact:
        write_tensors(state, folder / WEIGHTS)
    else:
        save_quantised(state, folder / WEIGHTS)
    write_card(card, folder)
    return SavedAttacker.read(folder)


@dataclass(frozen=True)
class SavedAttackers:
    """Attackers in folders.

    Attributes:
        folders: each an attacker's own, or one of several attackers.
        shipped: those in the package, which are looked at too.
    """

    folders: tuple[Path, ...] = ()
    shipped: Path | None = SHIPPED

    def __iter__(self) -> Iterator[SavedAttacker]:
        for folder in filter(None, (*self.folders, self.shipped)):
            for card in sorted([*folder.glob(CARD), *folder.glob(f"*/{CARD}")]):
                yield SavedAttacker.read(card.parent)

    def check(self) -> None:
        """Refuse folders without an attacker.

        Raises:
            UsageError: names the folder, or what is wrong with an attacker in one.
        """
        for folder in self.folders:
            if not [*SavedAttackers((folder,), None)]:
                raise UsageError(
                    f"--attackers {folder}: no trained attacker there; expected a folder that `keyhole train attacker` "
                    "wrote, or one of such folders"
                )

    def meant_for(self, recipe: TrainedRecipe, attack: str) -> bool:
        """Whether some attacker is of this recipe, or of an earlier one of that name, whatever it is of else.

        Args:
            recipe: of the network.
            attack: ``ATTACK/RECIPE``.
        """
        text = recipe_text(recipe)
        return any(saved.card.key.get("recipe") == text or saved.card.attack == attack for saved in self)

    def sought(
        self,
        key: AttackerKey,
        attack: str,
        *,
        steps: int | None = None,
        queries: int | None = None,
        seed: int | None = None,
    ) -> Sought:
        """The attacker of a key, of several the one that was trained longest, and one of the package only where no
        other serves; and why others that are `meant_for` the attack do not serve.

        Args:
            key: what it must be of.
            attack: ``ATTACK/RECIPE``.
            steps: of its training; None: any.
            queries: pictures that it may have asked about; None: any.
            seed: of its training; None: any.
        """
        found, refused = [], []
        for saved in self:
            card = saved.card
            if card.key.get("recipe") != key.recipe and card.attack != attack:
                continue
            apart = [*key.apart(card.of), *_apart("steps", card.steps, steps), *_apart("seed", card.seed, seed)]
            if queries is not None and card.queries > queries:
                apart.append(f"it asked about {card.queries} pictures, more than {queries}")
            if apart:
                refused.append(f"{saved.folder}: {'; '.join(apart)}")
            else:
                found.append(saved)
        best = max(found, key=lambda saved: (saved.folder.parent != self.shipped, saved.card.steps), default=None)
        return Sought(best, tuple(refused))


@dataclass(frozen=True)
class Sought:
    """What a search came to.

    Attributes:
        found: the attacker; None: none serves.
        refused: by sentence, attackers that do not serve, with all that differs.
    """

    found: SavedAttacker | None
    refused: tuple[str, ...]


def _apart(name: str, theirs: int, ours: int | None) -> list[str]:
    return [] if ours in (None, theirs) else [f"{name} was {theirs} and is {ours}"]
