"""The blind attacker: what is shown of a picture by someone who has seen no frame at all.

It knows the world that the pictures come from, and so it scores something. A leak is what other attacks get above it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.attacks.base import Access, Attack, Estimate, Knowledge, Observation, RunSettings
from keyhole.attacks.blind_knowledge import Blind
from keyhole.attacks.entry import TOGETHER, AttackEntry, Recipe, Rung, RungOutline
from keyhole.generators.diffusion import Diffusion
from keyhole.service.errors import UsageError

SAMPLE = "sample"
"""The recipe that samples the prior, told the run's text where there is one."""
SAMPLING_STEPS = 50
"""Of the sampler that draws from the prior, unless the run says otherwise."""
_log = logging.getLogger(__name__)


def mean_picture(known: Blind, run: RunSettings) -> Tensor:  # noqa: ARG001
    """The mean of public pictures, 3×H×W."""
    return known.mean


def nearest_picture(known: Blind, run: RunSettings) -> Tensor:  # noqa: ARG001
    """The public picture that is nearest to their mean in squared distance, 3×H×W."""
    distances = (known.pictures - known.mean).square().flatten(1).sum(dim=1)
    return known.pictures[distances.argmin()]


def flat_colour(known: Blind, run: RunSettings) -> Tensor:  # noqa: ARG001
    """The mean colour of public pictures everywhere, 3×H×W."""
    return known.mean.mean(dim=(1, 2), keepdim=True).expand_as(known.mean).contiguous()


@torch.no_grad()
def prior_sample(known: Blind, run: RunSettings) -> Tensor:
    """A picture that the prior's sampler makes of noise, 3×H×W.

    Raises:
        UsageError: no prior, or one without a diffusion model.
    """
    sampler = Diffusion(known.prior(), known.size, run.sampling_steps or SAMPLING_STEPS)
    noise = sampler.start(1, torch.Generator().manual_seed(run.seed))
    return sampler(noise.to(known.device))[0].clamp(0, 1).cpu()


@dataclass(frozen=True)
class ConstantAttack:
    """Shows one picture of every frame.

    Attributes:
        picture: RGB in [0, 1], 3×H×W.
    """

    picture: Tensor

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """The picture, once for each frame, whatever the frames are."""
        yield Estimate(self.picture.expand(len(frames), -1, -1, -1), iteration=1, seconds=0.0, loss=0.0, final=True)


@dataclass(frozen=True)
class BlindRecipe(Recipe):
    """One way to choose the picture.

    Attributes:
        choose: makes it, 3×H×W, of what is known and of the run's seed.
    """

    choose: Callable[[Blind, RunSettings], Tensor]
    knowledge: ClassVar[Knowledge] = "blind"
    together: ClassVar[int] = TOGETHER

    def steps(self, queries: int | None = None) -> int:  # noqa: ARG002
        """One: there is nothing to optimise."""
        return 1

    def open(self, access: Access, run: RunSettings) -> AbstractContextManager[Attack]:
        """See `Recipe`."""
        return nullcontext(ConstantAttack(self.choose(access.blind(), run)))


RECIPES: Mapping[str, BlindRecipe] = MappingProxyType(
    {
        "mean": BlindRecipe(mean_picture),
        "nearest": BlindRecipe(nearest_picture),
        "flat": BlindRecipe(flat_colour),
        SAMPLE: BlindRecipe(prior_sample),
    }
)
"""What the blind attacker gets is the best of these, whichever metric asks."""


@dataclass(frozen=True)
class BlindRungs:
    """All of the recipes side by side, each on a rung of its name; the one that needs a prior only where there is one.

    Attributes:
        recipes: by name.
    """

    recipes: Mapping[str, BlindRecipe]
    learns: ClassVar[bool] = False

    def steps(self, queries: int | None = None) -> int:  # noqa: ARG002
        """See `BlindRecipe`."""
        return 1

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:  # noqa: ARG002
        """All recipes; which of them can be made shows when they are opened."""
        return tuple(RungOutline(name, recipe.knowledge) for name, recipe in self.recipes.items())

    def rungs(self, access: Access, run: Callable[[str], RunSettings], stack: ExitStack) -> tuple[Rung, ...]:
        """A rung for each recipe whose picture can be made."""
        made = ((name, recipe, _opened(recipe, access, run(name), stack)) for name, recipe in self.recipes.items())
        return tuple(Rung(name, recipe.knowledge, attack, recipe.together) for name, recipe, attack in made if attack)


BLIND: AttackEntry[BlindRecipe] = AttackEntry(RECIPES, uses_prior=True, denoises=True, colour="#8b949e")
BLIND_ONLINE: AttackEntry[BlindRungs] = AttackEntry({"strong": BlindRungs(RECIPES)}, colour=BLIND.colour)


def _opened(recipe: BlindRecipe, access: Access, run: RunSettings, stack: ExitStack) -> Attack | None:
    try:
        return stack.enter_context(recipe.open(access, run))
    except UsageError as error:
        _log.info("the blind attacker shows less", extra={"reason": str(error)})
        return None
