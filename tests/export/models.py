"""Models to export, with random weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions around which the input is passed, then classes; 3×H×W to 5."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu, self.pool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.classes = nn.Linear(8, 5)

    def forward(self, pictures: Tensor) -> Tensor:
        stem = self.stem(pictures)
        return self.classes(self.pool(self.relu(self.inner(stem) + stem)).flatten(1))


def residual() -> nn.Module:
    torch.manual_seed(0)
    return Residual()
