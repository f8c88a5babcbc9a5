"""The losses of GMI's generator: a Wasserstein pair with gradient penalty (Gulrajani et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.train.prior.adversarial import AdversarialBatch, AdversarialLosses, AdversarialPair, unit
from keyhole.train.prior.augmentation import augmented


@dataclass(frozen=True)
class WassersteinLosses(AdversarialLosses):
    """mean D(made) − mean D(real) + `penalty` · mean (‖∇D‖ − 1)², Eq. 3 of Gulrajani et al.; the generator's is
    −mean D(made).

    Attributes:
        penalty: λ, 10 in GMI.
    """

    penalty: float = 10.0

    def critic(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        with torch.no_grad():
            made = pair.generator(batch.z)
        real, made = augmented(unit(batch.pictures)), augmented(made)
        mixing = torch.rand(len(real), 1, 1, 1, device=real.device)
        return {
            "critic": pair.critic(made).mean() - pair.critic(real).mean(),
            "penalty": self.penalty * gradient_penalty(pair.critic, mixing * real + (1 - mixing) * made),
        }

    def generator(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        return {"generator": -pair.critic(augmented(pair.generator(batch.z))).mean()}


def gradient_penalty(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """mean (‖∇_x D(x)‖₂ − 1)² over pictures N×3×H×W between real and made ones, differentiable."""
    at = pictures.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    lengths: Tensor = gradient.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()
