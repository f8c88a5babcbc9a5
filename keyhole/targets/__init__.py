"""The models that can be split, by name, each with its preprocessing, labels and licence."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.targets.load import load_target
    from keyhole.targets.settings import ModelSettings
    from keyhole.targets.stored_weights import Card, read_card, write_card
    from keyhole.targets.target import Preprocess, Target, TargetError

__all__ = [
    "Card",
    "ModelSettings",
    "Preprocess",
    "Target",
    "TargetError",
    "load_target",
    "read_card",
    "write_card",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.targets.stored_weights": ("Card", "read_card", "write_card"),
        "keyhole.targets.load": ("load_target",),
        "keyhole.targets.settings": ("ModelSettings",),
        "keyhole.targets.target": ("Preprocess", "Target", "TargetError"),
    },
)
