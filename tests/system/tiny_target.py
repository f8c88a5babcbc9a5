"""A model of the tests' own: small, quick, with a residual block, so that two tensors are live inside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from keyhole.targets import Preprocess, Target

SIZE = 32
LABELS = ("circle", "square", "triangle", "star", "cross")


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.block = Block(8)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.classifier = nn.Linear(8 * 16, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.block(self.stem(x))).flatten(1))


def tiny() -> Target:
    """The same in every process."""
    return _target(seed=0)


def other() -> Target:
    """The same architecture with other weights."""
    return _target(seed=1)


def _target(seed: int) -> Target:
    generator = torch.Generator().manual_seed(seed)
    model = Tiny().eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5)
    preprocess = Preprocess(SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    return Target("tiny", model, preprocess, LABELS, len(LABELS), "Apache-2.0", "random")
