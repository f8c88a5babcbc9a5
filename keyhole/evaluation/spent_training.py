"""What trainings before an attack's first picture took, in the words of reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from keyhole.attacks.base import Attack
from keyhole.attacks.preparation import PreparedAttack


@dataclass(frozen=True)
class SpentTraining:
    """A training that came before an attack's first picture, and is a cost of all of them together.

    Attributes:
        steps: of the optimiser.
        pictures: that it learned from.
        labelled: whether these were labelled public pictures; else they were queries of the head.
        cpu_seconds: of processor time on all threads, with that of drawing public pictures unless an attack of the same
            process had drawn them.
    """

    steps: int
    pictures: int
    labelled: bool
    cpu_seconds: float

    @property
    def text(self) -> str:
        """In words.

        >>> SpentTraining(960, 2048, True, 214.3).text
        '960 steps on 2,048 labelled public pictures, 214 s of processor time'
        """
        what = "labelled public pictures" if self.labelled else "answers of the head"
        return f"{self.steps:,} steps on {self.pictures:,} {what}, {self.cpu_seconds:,.0f} s of processor time"


def tell_training(attack: Attack, started: float, told: Callable[[SpentTraining], object]) -> None:
    """Let an attack train, and tell what that took, unless it trains nothing or was trained before.

    Args:
        attack: that is ready for frames afterwards.
        started: processor time at which it was opened, by `time.process_time`.
        told: takes it.
    """
    took = attack.prepare() if isinstance(attack, PreparedAttack) else None
    if took is not None:
        told(SpentTraining(**vars(took), cpu_seconds=time.process_time() - started))
