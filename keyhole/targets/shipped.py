"""Weights that come with the package: a folder for each, with the weights and their card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from keyhole.checksum import checksum
from keyhole.partition.pruning.plan import PLAN
from keyhole.sizes import Size
from keyhole.targets.architectures import architecture
from keyhole.targets.card import CARD, WEIGHTS, Card, read_card
from keyhole.targets.errors import TargetError
from keyhole.targets.family import Facts, Family
from keyhole.targets.neck import with_neck
from keyhole.targets.quantise import load_weights
from keyhole.targets.state import load_state

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights in the package."""


class ShippedFamily(Family):
    """See `Family`. The whole models under ``folder``, whose architectures come from the other families."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Sequence[str]:
        found = (path.parent for path in self._folder.glob(f"*/{CARD}"))
        return sorted(folder.name for folder in found if not (folder / PLAN).exists())

    def card(self, name: str) -> Card:
        """The card of a model."""
        return read_card(self._folder / name)

    def facts(self, name: str) -> Facts:
        card = self.card(name)
        return Facts(card.preprocess, len(card.labels), card.licence, "shipped", card.embedding)

    def labels(self, name: str) -> tuple[str, ...]:
        return self.card(name).labels

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        card = self.card(name)
        entry = architecture(card.architecture)
        if card.embedding and outputs is None:
            model = with_neck(entry, size or card.size)
        else:
            classes = outputs or len(card.labels)
            model = entry.family.build(entry.name, size=size or card.size, outputs=classes, pretrained=False)
        if pretrained:
            load_state(model, self.state(name), f"{name} (for pictures of {card.size} pixels)", strict=True)
        return model

    def state(self, name: str) -> Mapping[str, Tensor]:
        """The shipped weights.

        Raises:
            TargetError: they are not those that the card describes.
        """
        path = self._folder / name / WEIGHTS
        card = self.card(name)
        if not path.is_file():
            raise TargetError(f"the weights of {name} are missing: expected {path}, made by `{card.command}`")
        if checksum(path) != card.sha256:
            raise TargetError(f"{path} is not the file that its card describes (SHA-256 {card.sha256[:16]}…)")
        return load_weights(path)
