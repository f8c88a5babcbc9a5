"""What a worker runs: an attack, or one rung of a ladder."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.attacks.base import Attack, Knowledge

TOGETHER = 16
"""Frames that a network inverts in one pass, where so many wait."""


@dataclass(frozen=True)
class Rung:
    """An attack that is ready for frames.

    Attributes:
        name: of the rung; empty: it is no ladder's.
        knowledge: what it is made from.
        attack: used by one worker alone.
        together: frames that are handed to it at once, where so many wait.
        waiting: frames that may wait for it; None: as many as the adversary's settings say.
    """

    name: str
    knowledge: Knowledge
    attack: Attack
    together: int = 1
    waiting: int | None = None
