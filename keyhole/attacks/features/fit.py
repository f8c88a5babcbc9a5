"""What a step of a network's training minimises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from keyhole.attacks.features.aim import Aim
from keyhole.nn.payload import PayloadNetwork
from keyhole.nn.unet import OneStepUNet

Fit = Callable[[PayloadNetwork, Aim, Sequence[Tensor], Tensor, torch.Generator], Tensor]
"""One number per picture, from the network, what it is for, features, targets, and the source of random numbers."""


def end_to_end(
    network: PayloadNetwork, aim: Aim, features: Sequence[Tensor], targets: Tensor, _random: torch.Generator
) -> Tensor:
    """The aim's loss of what the network makes."""
    return aim.losses(network(*features), targets)


def flow_matching(
    network: PayloadNetwork, aim: Aim, features: Sequence[Tensor], targets: Tensor, random: torch.Generator
) -> Tensor:
    """The aim's loss of the network's first answer z₀, and that of the velocity: mean of (v(z_t, t, y) − (z₁ − z₀))²,
    z_t = (1 − t)·z₀ + t·z₁, z₁ the target (rectified flow). Only the velocity learns from it.

    The one Euler step is taken at t = 0, so every other picture is at 0; the others are at uniform times.

    Args:
        network: a `OneStepUNet`.
        aim: of latents.
        features: the live tensors, N×… each.
        targets: latents N×C×h×h.
        random: of the times.
    """
    network = cast(OneStepUNet, network)
    first = network.amortised(*features)
    start = first.detach()
    times = torch.rand(len(start), generator=random)
    times[::2] = 0
    times = times.to(start.device)
    velocity = network.velocity(torch.lerp(start, targets, times[:, None, None, None]), times, *features)
    return aim.losses(first, targets) + (velocity - (targets - start)).square().flatten(1).mean(1)
