"""Hyper-parameters of a black box's training, and the networks that it trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from keyhole.attacks.features.training_losses import (
    StepLoss,
    TrainingLoss,
    end_to_end,
    flow_matching,
    latent_loss,
    picture_loss,
    published_picture_loss,
)
from keyhole.generators.base import Generator
from keyhole.nn.mirror import MirrorNetwork
from keyhole.nn.payload import PayloadNetwork, Shape
from keyhole.nn.unet import InversionUNet, OneStepUNet
from keyhole.sizes import size_of


def mirror(shapes: Sequence[Shape], variable: Shape) -> MirrorNetwork:
    """Undoes a head's convolutions one by one; straight to pictures 3×H×W."""
    return MirrorNetwork(shapes, size_of(*variable[-2:]))


def unet(shapes: Sequence[Shape], variable: Shape) -> InversionUNet:
    """The feature-inversion paper's, to any generator's variable."""
    return InversionUNet(shapes, variable)


def one_step(shapes: Sequence[Shape], variable: Shape) -> OneStepUNet:
    """Two of the paper's U-Nets: the second one carries the first one's latent on towards the truth."""
    return OneStepUNet(shapes, variable)


@dataclass(frozen=True)
class InversionTraining:
    """Minimise a loss with Adam: while in use, without a known end, or over a fixed set for so many epochs.

    Attributes:
        network: from shapes of the payload and of the generator's variable.
        loss: what the network is trained towards, from the generator.
        step_loss: how a step gets from network and loss to what it minimises.
        first: pictures asked for before the first step.
        query: pictures per query after that.
        every: steps between queries.
        limit: pictures asked for in all; None: as many as the oracle answers.
        epochs: over the pictures of ``first``, after which training ends; None: it goes on with random batches.
        batch: pairs per step.
        learning_rate: of Adam.
        betas: decay rates of its moments.
        decay: of the weights, as in AdamW; 0 is Adam.
        warm_up: steps over which the rate rises; 0: none.
        averaging: decay of the averaged weights that are published; 0: the latest are.
        standardise: whether the payload's channels are, by their statistics over the first pictures.
        publish: steps between publications.
        megabytes: memory for answers; the oldest leave.
        sampling_steps: of the diffusion, where the generator has one.
    """

    network: Callable[[Sequence[Shape], Shape], PayloadNetwork] = mirror
    loss: Callable[[Generator], TrainingLoss] = picture_loss
    step_loss: StepLoss = end_to_end
    first: int = 96
    query: int = 8
    every: int = 4
    limit: int | None = None
    epochs: int | None = None
    batch: int = 8
    learning_rate: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.99)
    decay: float = 0.01
    warm_up: int = 20
    averaging: float = 0.99
    standardise: bool = True
    publish: int = 30
    megabytes: float = 256.0
    sampling_steps: int = 20

    @property
    def steps(self) -> int | None:
        """After which it ends; None: it does not."""
        return None if self.epochs is None else self.epochs * math.ceil(self.first / self.batch)

    def limited(self, pictures: int | None) -> Self:
        """The training with so many pictures asked for; None leaves the number as it is."""
        if pictures is None:
            return self
        first = pictures if self.epochs else min(pictures, self.first)
        return replace(self, first=first, limit=pictures)


DEFAULT_TRAINING = InversionTraining()
"""Training of the mirror network."""

PREPARED_TRAINING = replace(DEFAULT_TRAINING, first=4096, limit=4096, epochs=8, publish=64, megabytes=math.inf)
"""The same to an end, on as many queries as the paper's. The rate stays: falling to nothing by half a cosine, it
teaches the network no more than half the steps do."""

LATENT_TRAINING = InversionTraining(network=unet, loss=latent_loss, batch=16, sampling_steps=4)
"""Training of the U-Net towards latents. It spares the decoder, dearer by far than network and encoder together."""

NOISE_TRAINING = replace(LATENT_TRAINING, learning_rate=1e-3, batch=8)
"""Training of the U-Net towards the noise that a sampler of few steps turns into those latents."""

DENOISED_TRAINING = replace(LATENT_TRAINING, learning_rate=1e-3, sampling_steps=1)
"""Training of the U-Net towards what a sampler's last step turns into those latents."""

ONE_STEP_TRAINING = replace(LATENT_TRAINING, network=one_step, step_loss=flow_matching)
"""Training of two U-Nets, the second for the first one's latent; on the same queries, in as many steps."""

PAPER_TRAINING = InversionTraining(
    network=unet,
    loss=published_picture_loss,
    first=4096,
    limit=4096,
    epochs=96,
    batch=128,
    learning_rate=0.1,
    betas=(0.9, 0.999),
    decay=0.0,
    warm_up=0,
    averaging=0.0,
    standardise=False,
    publish=32,
    megabytes=math.inf,
)
"""Eq. 11 as the feature-inversion paper trains it (§7.1), whatever the generator: 4,096 queries, 96 epochs, batches of
128, Adam at 0.1. It says "initial" rate and no schedule; here the rate stays. Answers are kept in half precision."""
