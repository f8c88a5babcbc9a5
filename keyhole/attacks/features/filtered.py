"""A finishing filter, white box: what an optimiser leaves of noise is taken out of its finished picture.

Few steps leave noise at the stride's period, in directions that the features hardly determine. The filtered picture
matches the features worse, so it comes after everything that is chosen by them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from keyhole.attacks.base import Attack, Estimate, Observation, RunSettings, WhiteBox
from keyhole.attacks.white_recipe import WhiteBoxRecipe

BLUR = 0.4
"""Standard deviation of the Gaussian in pixels."""


def rof_filter(pictures: Tensor, weight: float) -> Tensor:
    """argmin ½‖u − G∗x‖² + λ·TV(u) (Rudin, Osher and Fatemi 1992) for each colour, by Chambolle's algorithm (2004);
    G is a Gaussian of `BLUR` pixels.

    Args:
        pictures: x, N×3×H×W in [0, 1].
        weight: λ; 0 leaves the Gaussian alone.

    Returns:
        u, of the same shape, in [0, 1].
    """
    from skimage.restoration import denoise_tv_chambolle  # noqa: PLC0415 - slow to import, and few attacks need it

    smooth = gaussian_filter(pictures.numpy(), (0, 0, BLUR, BLUR), mode="nearest")
    if weight:
        planes = smooth.reshape(-1, *smooth.shape[-2:])
        clean = denoise_tv_chambolle(planes, weight=weight, channel_axis=0)  # type: ignore[no-untyped-call]
        smooth = clean.reshape(smooth.shape)
    return torch.from_numpy(smooth).clamp(0, 1)


@dataclass(frozen=True)
class Filtered:
    """An attack whose final pictures are filtered; those on the way are shown as they are.

    Attributes:
        attack: that makes the pictures.
        weight: λ of `rof_filter`.
    """

    attack: Attack
    weight: float

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """The attack's estimates; loss, time and passes stay its own.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        for one in self.attack.reconstruct(frames):
            yield dataclasses.replace(one, pictures=rof_filter(one.pictures, self.weight)) if one.final else one


@dataclass(frozen=True)
class FilteredRecipe(WhiteBoxRecipe):
    """Filter what another recipe has finished.

    Attributes:
        recipe: the other one, whose attack needs no opening.
        weight: λ of `rof_filter`, unless the run gives another.
    """

    recipe: WhiteBoxRecipe
    weight: float = 0.02

    @property
    def filters(self) -> bool:
        """True."""
        return True

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.recipe.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Filtered:
        """The attack and its filter."""
        return Filtered(self.recipe.make(known, run), self.weight if run.smoothing is None else run.smoothing)
