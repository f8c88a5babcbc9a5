"""Black boxes that are trained to their end before the first frame, and found again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from keyhole.attacks.base import BlackBox, RunSettings
from keyhole.attacks.entry import RungOutline
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.trained_recipe import TrainedRecipe


@dataclass(frozen=True)
class PreparedRecipe(TrainedRecipe):
    """A recipe of a network that an attacker trains before he taps: whoever has none must not wait for it.

    Attributes:
        beside: how it learns beside frames that come while it runs, where no network was trained for them.
    """

    beside: TrainedRecipe = field(kw_only=True)

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:
        """As that of the recipe that learns beside the frames."""
        return self.beside.outline(queries)

    def make(self, known: BlackBox, run: RunSettings) -> BlackBoxAttack:
        """The network that was trained before; where there is none, its training, or offline all of it."""
        network = run.trained(self)
        if network is None and run.training is None:
            return self.beside.make(known, run)
        return super().make(known, replace(run, trained=lambda _: network))
