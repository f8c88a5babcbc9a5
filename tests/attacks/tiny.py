"""A head small enough to invert in a moment, and pictures to invert."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from keyhole.attacks.base import Observation, WhiteBox
from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ATTACKS, choose

SIZE = 16


def head(seed: int = 0) -> nn.Sequential:
    """3×16×16 to 12×8×8, with what makes heads hard to invert: ReLU and max pooling."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU()
        )
    return layers.eval().requires_grad_(False)


def white_box(network: nn.Module | None = None) -> WhiteBox:
    return WhiteBox(network or head(), lambda pictures: (pictures - 0.5) / 0.25, SIZE)


def pictures(count: int, seed: int = 0, size: int = SIZE) -> Tensor:
    """Soft random blobs, in steps of 1/255."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=random)
    soft = nn.functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)
    return (soft.clamp(0, 1) * 255).round() / 255


def recipe_of(word: str) -> Recipe:
    """The recipe that a word names: strong, unless it says another."""
    return choose(word, "strong", ATTACKS).recipe


def frames(known: WhiteBox, shown: Tensor) -> list[Observation]:
    """What a tap would see of the pictures."""
    with torch.no_grad():
        features = known.head(known.normalise(shown))
    tensors = features if isinstance(features, tuple) else (features,)
    return [Observation(f"edge-{i}", tuple(t[i : i + 1] for t in tensors)) for i in range(len(shown))]
