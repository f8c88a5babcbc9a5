"""Generators of the tiny world of classes, trained for a moment by the project's own training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.train.prior.kinds import train_prior
from tests.attacks.tiny_classes import white_box
from tests.train.generator_making import settings


def generators(root: Path, **flags: dict[str, object]) -> Callable[[str], Path]:
    """Finds a generator of a kind, which is trained when it is first asked for.

    Args:
        root: where they lie.
        flags: of the trainings, by kind with `_` for `-`.
    """

    def find(kind: str) -> Path:
        folder = root / kind
        if not (folder / "card.json").exists():
            given = {"gan_steps": 60, "gan_learning_rate": 2e-3, "gan_ema": 0.9, "every": 60, "gan_batch": 16, "z": 16}
            train_prior(settings(root, kind, kind, **{**given, **flags.get(kind.replace("-", "_"), {})}))
        return folder

    return find


def white_box_with(find: Callable[[str], Path]) -> ClassWhiteBox:
    """What an attacker with such generators knows of the tiny classifier."""
    return replace(white_box(), generators=find)
