"""Scores of feature channels, by which a filter chooses the channels to send."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from keyhole.nn.payload import Shape, channel_axis, scales

_NARROWEST = 8


class ChannelScores(nn.Module):
    """Scores by two linear layers on mean and deviation of each channel, at little cost for an edge.

    Args:
        shape: of the features of one picture.

    >>> scores = ChannelScores((64, 8, 8))(torch.rand(2, 64, 8, 8))
    >>> scores.shape, largest(scores, kept=16).sum(1)
    (torch.Size([2, 64]), tensor([16., 16.]))
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.axis = 1 + channel_axis(shape)
        self.channels = shape[self.axis - 1]
        hidden = max(_NARROWEST, self.channels // 2)
        self.register_buffer("mean", torch.zeros(2 * self.channels))
        self.register_buffer("deviation", torch.ones(2 * self.channels))
        self.layers = nn.Sequential(nn.Linear(2 * self.channels, hidden), nn.ReLU(), nn.Linear(hidden, self.channels))

    def forward(self, features: Tensor) -> Tensor:
        """Features N×… to scores N×channels."""
        return cast(Tensor, self.layers((self._summary(features) - self.mean) / self.deviation))

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Set mean and scale of the channels' statistics from typical features, N×…."""
        summary = self._summary(features)
        self.mean.copy_(summary.mean(0))
        self.deviation.copy_(scales(summary.std(0, correction=0)))

    def times(self, features: Tensor, mask: Tensor) -> Tensor:
        """Features N×… with each channel multiplied by its entry of a mask N×channels."""
        shape = [len(features), *[1] * (features.dim() - 1)]
        shape[self.axis] = self.channels
        return features * mask.reshape(shape)

    def _summary(self, features: Tensor) -> Tensor:
        values = (
            features.float().movedim(self.axis, 1).flatten(2) if features.dim() > 2 else features.float()[..., None]
        )
        return torch.cat([values.mean(2), values.std(2, correction=0)], 1)


def largest(scores: Tensor, kept: int) -> Tensor:
    """1 for the ``kept`` largest scores of each row, 0 for the others."""
    return torch.zeros_like(scores).scatter(1, scores.topk(kept, dim=1).indices, 1.0)
