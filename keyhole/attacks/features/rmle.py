"""rMLE, white box: the regularised maximum likelihood estimation of He, Zhang and Lee (ACSAC 2019, §4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.attacks.base import RunSettings, WhiteBox
from keyhole.attacks.features.objective import OptimiserSettings, fixed, total_variation
from keyhole.attacks.features.white_box import WhiteBoxAttack, white_box_attack
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.generators.pixels import NormalisedPixels


def mean_squared_distance(features: Sequence[Tensor], observed: Sequence[Tensor]) -> Tensor:
    """‖f(x) − v‖² over the numbers of v, one number per picture; live tensors are one long vector.

    The paper writes the sum (§4); its authors' code, whose λ are those published, takes the mean.

    Args:
        features: of the candidate pictures, N×… each.
        observed: of the frames, in the same order.
    """
    pairs = zip(features, observed, strict=True)
    return torch.cat([(ours - theirs).square().flatten(1) for ours, theirs in pairs], 1).mean(1)


@dataclass(frozen=True)
class MeanVariation:
    """λ·TV of the head's input: mean squared difference of neighbours below each other, and of those side by side.

    This is the TV of the authors' code (β = 2), on normalised pictures N×3×H×W.

    Attributes:
        weight: λ.
    """

    weight: float
    passes: ClassVar[int] = 0

    def __call__(self, variable: Tensor, progress: float, random: torch.Generator) -> Tensor:  # noqa: ARG002
        """One number per picture."""
        down, across = variable.diff(dim=2), variable.diff(dim=3)
        return self.weight * (down.square().flatten(1).mean(1) + across.square().flatten(1).mean(1))


RMLE = OptimiserSettings(
    iterations=5000,
    learning_rate=0.01,
    distance=mean_squared_distance,
    smoothness=total_variation,
    weight=fixed(0.0),
    epsilon=1e-3,
    amsgrad=True,
)
"""As the authors run it: 5,000 steps of Adam with AMSGrad's bound and ε = 10⁻³, from the mean picture; TV is
`MeanVariation`'s. A mean over many features has small gradients, so ε sets the length of most steps."""


@dataclass(frozen=True)
class RmleRecipe(WhiteBoxRecipe):
    """x̂ = argmin ‖f(x) − v‖² + λ·TV(x) (He et al., §4) over the head's input.

    Attributes:
        weight: λ, by how deep the cut is. Published for a network of six convolutions on 32-px pictures: 0 after the
            first one, 10 after the fourth, 1,000 after the sixth.
        settings: of the optimiser.
    """

    weight: float
    settings: OptimiserSettings = RMLE

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.settings.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> WhiteBoxAttack:
        """The optimiser."""
        attack = white_box_attack(known, NormalisedPixels(known.size, known.normalise), self.settings, run)
        return dataclasses.replace(attack, regulariser=MeanVariation(self.weight)) if self.weight else attack
