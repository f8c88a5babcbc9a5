"""An inversion network whose answer a flow carries on towards the truth, in one step (after FIA-Flow, CVPR 2026)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyhole.nn.layout import Shape
from keyhole.nn.unet import PARAMETERS, InversionUNet


class OneStepUNet(InversionUNet):
    """z₀ = F_u(y), and a second network of the same kind for the velocity v(z, t, y) of a flow from z₀ at t = 0 to the
    true latent at t = 1; the answer is one Euler step, z₀ + v(z₀, 0, y). It starts as no step.

    The velocity gets z₀ as the place where the flow starts and not as an input besides: with both, it could be read off
    at any other t as (z − z₀)/t.

    Args:
        shapes: of the live tensors for one picture, without the batch.
        output: C×h×w of the latent.
        parameters: of either network; see `InversionUNet`.
    """

    def __init__(self, shapes: Sequence[Shape], output: Shape, parameters: int = PARAMETERS) -> None:
        super().__init__(shapes, output, parameters)
        self.flow = InversionUNet((*shapes, tuple(output), (1,)), output, parameters)
        for weights in self.flow.last.parameters():
            nn.init.zeros_(weights)

    def amortised(self, *tensors: Tensor) -> Tensor:
        """z₀, N×C×h×w, of the live tensors, N×… each.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        return InversionUNet.forward(self, *tensors)

    def velocity(self, at: Tensor, time: Tensor, *tensors: Tensor) -> Tensor:
        """v, N×C×h×w.

        Args:
            at: z, N×C×h×w.
            time: t, N, 0 … 1.
            tensors: the live tensors.
        """
        velocity: Tensor = self.flow(*tensors, at, time[:, None])
        return velocity

    def forward(self, *tensors: Tensor) -> Tensor:
        """The live tensors, N×… each, to N×C×h×w.

        Raises:
            ValueError: their shapes are not those that the network was made for.
        """
        start = self.amortised(*tensors)
        return start + self.velocity(start, start.new_zeros(len(start)), *tensors)

    @torch.no_grad()
    def standardise(self, tensors: Sequence[Tensor]) -> None:
        """See `PayloadNetwork`; latents and times, which spread by about one, are left as they are."""
        super().standardise(tensors)
        self.flow.mean[: self.layout.channels] = self.mean
        self.flow.deviation[: self.layout.channels] = self.deviation
