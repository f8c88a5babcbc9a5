"""Evidence that a conclusion about an attack needs."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, choose
from keyhole.bench.records import PICTURE
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Evidence:
    """How much is behind a figure, at least.

    Attributes:
        pictures: that were attacked.
        seeds: trainings of a network.
    """

    pictures: int
    seeds: int


OPTIMISED, TRAINED = Evidence(32, 1), Evidence(100, 3)
"""What attacks need that optimise each picture by itself, and those that train a network for all."""


def needed(attack: str) -> Evidence:
    """What an attack needs; that of a network where it is not known what the attack is.

    >>> needed("pixels-white"), needed("pixels-black").seeds, needed("decoder-white/refined").seeds
    (Evidence(pictures=32, seeds=1), 3, 3)
    """
    if attack == PICTURE:
        return OPTIMISED
    try:
        return TRAINED if choose(attack, DEFAULT_RECIPE, ATTACKS).trains else OPTIMISED
    except UsageError:
        return TRAINED


def needed_text() -> str:
    """Both in words.

    >>> needed_text()
    '32 pictures of an optimiser, 100 and 3 seeds of a network'
    """
    return f"{OPTIMISED.pictures} pictures of an optimiser, {TRAINED.pictures} and {TRAINED.seeds} seeds of a network"
