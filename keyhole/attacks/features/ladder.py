"""The attack that keeps up with the camera: a picture of every frame at once, and better ones of the newest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from keyhole.attacks.features.recipes import RefinedWay, Terms
from keyhole.attacks.kinds import way_named
from keyhole.attacks.knowledge import Lab
from keyhole.attacks.rung import TOGETHER, Rung


@dataclass(frozen=True)
class Ladder:
    """Two attacks that share a network. On the rung *amortised*, black box, it answers every frame as it comes. On the
    rung *refined*, white box, its latent of the newest frame is the start of an optimiser, until that is done or its
    time is up; then comes the frame that is the newest by then. The network learns from the oracle all the while.

    Attributes:
        ways: by name of the recipe.
        denoises: whether a rung needs the prior's diffusion model too.
    """

    ways: Mapping[str, RefinedWay]
    denoises: bool = False
    uses_prior: ClassVar[bool] = True

    def steps(self, recipe: str, _queries: int | None = None) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        return way_named(self.ways, recipe).iterations

    def rungs(self, lab: Lab, terms: Callable[[str], Terms], stack: ExitStack) -> tuple[Rung, ...]:
        """Both, ready for frames until the stack closes.

        Raises:
            UsageError: no such recipe, or no prior.
        """
        quick, thorough = terms("amortised"), terms("refined")
        way = way_named(self.ways, quick.recipe)
        inverter = stack.enter_context(way.first.make(lab.black(), quick))
        refined = way.refine(lab.white(), thorough, inverter)
        return (
            Rung("amortised", "black box", inverter, together=TOGETHER),
            Rung("refined", "white box", refined, waiting=1),
        )
