"""Evidence that a conclusion about an attack needs, offline and in the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.attacks.clip_recipes import CLIP_ATTACKS
from keyhole.attacks.registry import DEFAULT_RECIPE, choose
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Evidence:
    """How much is behind a figure.

    Attributes:
        pictures: that were attacked.
        seeds: of the attack; of one that trains a network, trainings.
    """

    pictures: int
    seeds: int

    def suffices(self, attack: str) -> bool:
        """Whether it is as much as a conclusion about an attack needs, see `needed`."""
        least = needed(attack)
        return self.pictures >= least.pictures and self.seeds >= least.seeds


OPTIMISED, TRAINED = Evidence(32, 1), Evidence(100, 3)
"""What attacks need that optimise each picture by itself, and those that train a network for all: a training's luck is
in all of its pictures."""


def needed(attack: str) -> Evidence:
    """What an attack needs; that of a network where it is not known what the attack is.

    What an attack knows does not matter: a white box may train a network too.

    >>> needed("pixels-white"), needed("pixels-black").seeds, needed("decoder-white/refined").seeds
    (Evidence(pictures=32, seeds=1), 3, 3)

    Args:
        attack: ``ATTACK`` or ``ATTACK/RECIPE``, as `keyhole.attacks.registry.choose` reads it.
    """
    try:
        return TRAINED if choose(attack, DEFAULT_RECIPE, CLIP_ATTACKS).trains else OPTIMISED
    except UsageError:
        return TRAINED


def needed_text() -> str:
    """Both in words.

    >>> needed_text()
    '32 pictures of an optimiser, 100 and 3 seeds of a network'
    """
    return f"{OPTIMISED.pictures} pictures of an optimiser, {TRAINED.pictures} and {TRAINED.seeds} seeds of a network"
