"""Frames of a clip tied along their motion: an extension of the feature-inversion paper's temporal term."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.nn.clip_network import in_clips

_EVERY = 0.15  # share of the budget after which the motion is estimated again
_ROUND_TRIP = 1.5  # pixels that going forth and back may miss by where both frames show the same
_SOFT = 0.02  # difference of colours below which it counts squared
_RADIUS = 7  # of the window in which motion is taken for constant, pixels


@dataclass
class AlongMotion:
    """λ_a times the mean over the pixels of √(|x_k − x_j∘f|² + ε²) − ε, summed over the neighbours j = k ± 1 in the
    clip; f is the motion from frame k to frame j, where going there and back ends where it began.

    Not the paper's: its term draws the latents themselves together, place by place, which holds only where nothing
    moves by more than a cell. The motion is the optical flow between the reconstructions (iterative Lucas-Kanade of Le
    Besnerais and Champagnat 2005, in scikit-image), estimated once they have taken shape and again as they get better.
    It is not differentiated. Until then the frames are apart.

    Attributes:
        frames: K, of a clip.
        weight: λ_a.
        first: share of the budget at which the motion is estimated for the first time.
    """

    frames: int
    weight: float
    first: float = 0.3

    def __post_init__(self) -> None:
        self._next = self.first
        self._ways: list[_Way] = []

    def __call__(self, _variable: Tensor, pictures: Tensor, progress: float) -> Tensor:
        """One number per picture."""
        if progress >= self._next:
            self._next = progress + _EVERY
            self._ways = list(_ways(pictures.detach(), self.frames))
        losses = [pictures.new_zeros(()) for _ in pictures]
        for way in self._ways:
            losses[way.start] = losses[way.start] + self.weight * way.difference(pictures)
        return torch.stack(losses)


@dataclass(frozen=True)
class _Way:
    """The motion from one frame to a neighbour, H×W×2 as `grid_sample` takes it, and where it is known, H×W."""

    start: int
    end: int
    grid: Tensor
    known: Tensor

    def difference(self, pictures: Tensor) -> Tensor:
        moved = F.grid_sample(pictures[self.end][None], self.grid[None], padding_mode="border", align_corners=True)[0]
        apart = ((pictures[self.start] - moved).square().sum(0) + _SOFT**2).sqrt() - _SOFT
        return (self.known * apart).mean()


def _ways(pictures: Tensor, frames: int) -> Iterator[_Way]:
    clips = in_clips(pictures.clamp(0, 1).mean(1).cpu(), frames).numpy()
    for number, clip in enumerate(clips):
        for at in range(frames - 1):
            forth, back = (flow(clip[at], clip[at + 1]), flow(clip[at + 1], clip[at]))
            first = number * frames + at
            yield _way(first, first + 1, forth, back, pictures.device)
            yield _way(first + 1, first, back, forth, pictures.device)


def flow(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Motion from grey pictures H×W in [0, 1], 2×H×W in pixels: ``other`` shows at ``place + flow`` what ``reference``
    shows at ``place``; down, then right."""
    from skimage.registration import optical_flow_ilk  # noqa: PLC0415 - slow to import, and only this term needs it

    found: np.ndarray = optical_flow_ilk(reference, other, radius=_RADIUS)  # type: ignore[no-untyped-call]
    return found


def _way(start: int, end: int, forth: np.ndarray, back: np.ndarray, device: torch.device) -> _Way:
    _, height, width = forth.shape
    places = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).float()
    there = places + torch.from_numpy(forth).float()
    sides = torch.tensor([height - 1, width - 1])[:, None, None]
    grid = (2 * there / sides - 1).permute(1, 2, 0).flip(-1)
    inside = ((there >= 0) & (there <= sides)).all(0)
    returned = F.grid_sample(torch.from_numpy(back).float()[None], grid[None], align_corners=True)[0]
    missed = (torch.from_numpy(forth).float() + returned).square().sum(0).sqrt()
    return _Way(start, end, grid.to(device), (inside & (missed <= _ROUND_TRIP)).float().to(device))
