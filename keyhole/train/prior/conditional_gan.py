"""The losses of PLG-MI's conditional GAN (Yuan et al. 2023): hinge on pseudo-labels, and the target's margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.attacks.classes.base import Answer, Wanted
from keyhole.attacks.classes.losses import LossFunction
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.views import AugmentedViews
from keyhole.train.prior.adversarial import AdversarialBatch, AdversarialLosses, AdversarialPair, unit
from keyhole.train.prior.augmentation import augmented

VIEW = AugmentedViews(crop=(0.8, 1.0), flip=0.5, turn=5.0, brightness=0.2, contrast=0.2, coloured=0.5)
"""What the target sees of a made picture."""


@dataclass(frozen=True)
class ConditionalLosses(AdversarialLosses):
    """Hinge losses of a projection discriminator, mean max(0, 1 − D(x, y)) + mean max(0, 1 + D(G(z, y), y)) and
    −mean D(G(z, y), y), the latter plus α times the max-margin loss of the target on a view of each made picture.

    Attributes:
        classify: the target.
        loss: of its answers, the max-margin loss in PLG-MI.
        alpha: α, 0.2 in PLG-MI; 0: the target gives pseudo-labels alone.
        seed: of the views.
    """

    classify: Callable[[Tensor], Answer]
    loss: LossFunction
    alpha: float = 0.2
    seed: int = 0

    def critic(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        with torch.no_grad():
            made = pair.generator(batch.z, batch.wanted)
        real = pair.critic(augmented(unit(batch.pictures)), batch.labels)
        return {"critic": hinge(real, pair.critic(augmented(made), batch.wanted))}

    def generator(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        made = pair.generator(batch.z, batch.wanted)
        score = {"generator": -pair.critic(augmented(made), batch.wanted).mean()}
        if not self.alpha:
            return score
        numbers = batch.step * len(made) + torch.arange(len(made))
        (view,) = VIEW(made, PictureRandom(Wanted(batch.wanted.cpu(), numbers), self.seed))
        return {**score, "target": self.alpha * self.loss(self.classify(view), batch.wanted).mean()}


def hinge(real: Tensor, made: Tensor) -> Tensor:
    """mean max(0, 1 − real) + mean max(0, 1 + made)."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()
