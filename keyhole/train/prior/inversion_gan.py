"""The losses of KED-MI's inversion GAN (Chen et al. 2021): its discriminator also learns what the target answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.train.prior.adversarial import AdversarialBatch, AdversarialLosses, AdversarialPair, unit
from keyhole.train.prior.augmentation import augmented

ENTROPY = 1e-4
"""Weight of the entropy of made pictures' classes."""
_REALNESS = 0.5


@dataclass(frozen=True)
class InversionLosses(AdversarialLosses):
    """A discriminator of K + 1 classes, the last of which, made, has the logit 0 (Salimans et al. 2016, §5).

    It minimises −Σ_k T(x)_k log softmax(D(x))_k over public pictures x, with T(x) the target's own soft labels, plus
    ½ (softplus(S(x)) − S(x) + softplus(S(G(z)))), S = log Σ_k exp D_k, so that σ(S) is the probability of a real
    picture. The generator minimises ‖mean φ(x) − mean φ(G(z))‖₁, a mean over the features φ of D, plus `ENTROPY` times
    the entropy of its pictures' classes. KED-MI's settings name a weight of 10 for the unlabelled part, which its code
    does not use.

    Attributes:
        answers: the target's probabilities of all public pictures, N×K.
    """

    answers: Tensor

    def critic(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        with torch.no_grad():
            made = pair.generator(batch.z)
        told = self.answers[batch.places.cpu()].to(batch.z)
        real, false = pair.critic(augmented(unit(batch.pictures))), pair.critic(augmented(made))
        return {
            "labels": soft_cross_entropy(real, told),
            "real": _REALNESS * (F.softplus(-realness(real)).mean() + F.softplus(realness(false)).mean()),
        }

    def generator(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """See `AdversarialLosses`."""
        seen = augmented(pair.generator(batch.z))
        with torch.no_grad():
            real = pair.critic.features(augmented(unit(batch.pictures))).mean(dim=0)
        features = pair.critic.features(seen)
        logits = pair.critic.last(features).log_softmax(dim=1)
        return {
            "features": (real - features.mean(dim=0)).abs().mean(),
            "entropy": -ENTROPY * (logits.exp() * logits).sum(dim=1).mean(),
        }


def realness(logits: Tensor) -> Tensor:
    """S = log Σ exp of N×K logits, N values; σ(S) is the probability of a real picture."""
    return logits.logsumexp(dim=1)


def soft_cross_entropy(logits: Tensor, told: Tensor) -> Tensor:
    """−Σ_k told_k log softmax(logits)_k, the mean over N pictures, both N×K."""
    return -(told * logits.log_softmax(dim=1)).sum(dim=1).mean()
