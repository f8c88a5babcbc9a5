"""The attack that keeps up with the camera: a picture of every frame at once, and better ones of the newest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from keyhole.attacks.base import RunSettings
from keyhole.attacks.entry import TOGETHER, Rung
from keyhole.attacks.features.recipes import RefinedRecipe
from keyhole.attacks.knowledge import Lab


@dataclass(frozen=True)
class LadderRecipe:
    """Two attacks that share a network. On the rung *amortised*, black box, it answers every frame as it comes. On the
    rung *refined*, white box, its latent of the newest frame is the start of an optimiser, until that is done or its
    time is up; then comes the frame that is the newest by then. The network learns from the oracle all the while.

    Attributes:
        refined: the network, and what refines its latent.
    """

    refined: RefinedRecipe
    learns: ClassVar[bool] = False

    def steps(self, queries: int | None = None) -> int:
        """Those of the optimiser for one frame, unless the clock ends them."""
        return self.refined.steps(queries)

    def rungs(self, lab: Lab, run: Callable[[str], RunSettings], stack: ExitStack) -> tuple[Rung, ...]:
        """Both, ready for frames until the stack closes.

        Raises:
            UsageError: no prior.
        """
        quick, thorough = run("amortised"), run("refined")
        inverter = stack.enter_context(self.refined.first.make(lab.black(), quick))
        refined = self.refined.refine(lab.white(), thorough, inverter)
        return (
            Rung("amortised", "black box", inverter, together=TOGETHER),
            Rung("refined", "white box", refined, waiting=1),
        )
