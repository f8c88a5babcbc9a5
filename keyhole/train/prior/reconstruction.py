"""The first stage of a prior: an autoencoder learns to reconstruct pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation

EDGES, REGULAR = 0.5, 1e-4
"""Weights of the difference of edges, and of the regulariser of the latents."""
NOISE = 0.1
"""Standard deviation of the noise on the latents that are decoded in training."""
_SCALES = 3


class Reconstructor(nn.Module):
    """An autoencoder that decodes its latents with a little noise on them.

    Args:
        network: diffusers' AutoencoderDC.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """RGB pictures in [0, 1], N×3×H×W, encoded and decoded, and the divergence of their latents, N×C×h×w.

        A latent value μ is decoded as a draw from a normal distribution around it of deviation σ = `NOISE`; the
        divergence is that from the standard one (Kingma and Welling 2014, appendix B): ½(μ² + σ² − 1 − ln σ²).
        """
        latents: Tensor = self.network.encode(pictures * 2 - 1).latent
        decoded = (self.network.decode(latents + NOISE * torch.randn_like(latents)).sample + 1) / 2
        return decoded, 0.5 * (latents.square() + NOISE**2 - 1 - 2 * math.log(NOISE))


class ReconstructionTraining(TrainingPlan):
    """See `TrainingPlan`. The module is a `Reconstructor`.

    The loss is L1 + L2 + `EDGES` × `edges`, which needs no weights of another network, + `REGULAR` × the mean
    divergence of the latents: little enough not to blur, enough to keep them near zero and to make neighbours of a
    latent decode to similar pictures, which is what an attack descends along.

    Args:
        network: diffusers' AutoencoderDC.
        pictures: uint8 N×3×H×W.
        halved: so many steps, the first ones, are on pictures of half the side: they cost a quarter, and what they
            teach of colours and edges holds at the full size.
        steps, batch, every, optimisation: see `TrainingPlan`.
        look: called after each round with the module; returns its quality in a few words.
    """

    def __init__(
        self,
        network: nn.Module,
        pictures: Tensor,
        *,
        steps: int,
        halved: int,
        batch: int,
        every: int,
        optimisation: Optimisation,
        look: Callable[[nn.Module], str],
    ) -> None:
        self.module = Reconstructor(network)
        self.steps, self.every, self.optimisation = steps, every, optimisation
        self._pictures, self._batch, self._halved, self._look = pictures, batch, halved, look

    def batches(self, first: int, last: int) -> Iterator[Tensor]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            pictures = self._pictures[torch.randint(len(self._pictures), (self._batch,), generator=generator)]
            yield F.avg_pool2d(pictures.float(), 2).round().to(torch.uint8) if step < self._halved else pictures

    def losses(self, module: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        pictures = batch / 255
        decoded, divergence = module(pictures)
        return {
            "L1": F.l1_loss(decoded, pictures),
            "L2": F.mse_loss(decoded, pictures),
            "edges": EDGES * edges(decoded, pictures),
            "latents": REGULAR * divergence.mean(),
        }

    def report(self, module: nn.Module, done: Round) -> str:
        means = "  ".join(f"{name} {mean:.4f}" for name, mean in done.losses.items())
        return f"autoencoder {done.steps}/{self.steps}  {means}  {self._look(module)}  {done.seconds:.0f} s"


def edges(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical differences of neighbouring pixels, averaged over the
    pictures' own size, half of it and a quarter.

    The signed form of the gradient difference loss of Mathieu et al. (2016, Eq. 6, with α = 1; theirs compares
    magnitudes, which an inverted edge passes): a blurred edge costs more than L1 alone makes it.

    Args:
        decoded: N×C×H×W, 8 pixels a side or more.
        pictures: same shape.
    """
    difference = decoded - pictures
    total = difference.new_zeros(())
    for scale in range(_SCALES):
        part = F.avg_pool2d(difference, 2**scale) if scale else difference
        total = total + part.diff(dim=-1).abs().mean() + part.diff(dim=-2).abs().mean()
    return total / (2 * _SCALES)
