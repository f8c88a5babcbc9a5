"""Flat patches from slanted regions of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Window = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of a region; values outside of [0, 1] lie beyond its edges."""


def homographies(corners: Tensor) -> Tensor:
    """Projective maps from the unit square to quadrilaterals (Hartley and Zisserman 2004, §4.1, with h₃₃ = 1).

    Args:
        corners: N×4×2, where (0, 0), (1, 0), (1, 1) and (0, 1) go, pixels to the right and down.

    Returns:
        N×3×3 float64: homogeneous pixels of homogeneous points of the square.

    Raises:
        ValueError: not N×4×2, not finite, or three corners of a quadrilateral lie on a line.
    """
    if corners.dim() != 3 or corners.shape[1:] != (4, 2):
        raise ValueError(f"corners are N×4×2, not {tuple(corners.shape)}")
    goal = corners.double()
    if not goal.isfinite().all():
        raise ValueError("corners are not finite")
    sides = goal.roll(-1, dims=1) - goal
    turns = sides[..., 0] * sides.roll(-1, dims=1)[..., 1] - sides[..., 1] * sides.roll(-1, dims=1)[..., 0]
    if (turns.abs() < 1e-6).any():
        raise ValueError("three corners of a region lie on a line")
    u, v = (goal.new_tensor(place).expand(len(goal), 4) for place in ((0.0, 1.0, 1.0, 0.0), (0.0, 0.0, 1.0, 1.0)))
    x, y, zero, one = goal[..., 0], goal[..., 1], torch.zeros_like(u), torch.ones_like(u)
    rows = [
        torch.stack([u, v, one, zero, zero, zero, -u * x, -v * x], dim=-1),
        torch.stack([zero, zero, zero, u, v, one, -u * y, -v * y], dim=-1),
    ]
    solved = torch.linalg.solve(torch.cat(rows, dim=1), torch.cat([x, y], dim=1))
    return torch.cat([solved, one[:, :1]], dim=1).view(-1, 3, 3)


def rectify(pictures: Tensor, corners: Tensor, windows: Sequence[Window], size: tuple[int, int]) -> Tensor:
    """Cut the same windows out of one region of each picture, flat and of one size.

    Args:
        pictures: N×C×H×W.
        corners: N×4×2 pixels: upper left, upper right, lower right, lower left of the region. A pixel's middle is at
            its number plus a half.
        windows: K windows.
        size: rows and columns of a patch.

    Returns:
        N×K×C×rows×columns, bilinear; what lies outside of the picture repeats its edge.

    Raises:
        ValueError: see `homographies`; or not one region for each picture.
    """
    if pictures.dim() != 4 or len(pictures) != len(corners):
        raise ValueError(f"N×C×H×W pictures and N×4×2 corners, not {tuple(pictures.shape)} and {tuple(corners.shape)}")
    maps = homographies(corners).to(pictures.device)
    (rows, columns), (height, width) = size, pictures.shape[-2:]
    points = torch.stack([_points(window, rows, columns) for window in windows]).to(maps)
    placed = torch.einsum("nij,kj->nki", maps, points.view(-1, 3))
    pixels = placed[..., :2] / placed[..., 2:]
    grid = (2 * pixels / pixels.new_tensor([width, height]) - 1).to(pictures.dtype)
    patches = F.grid_sample(
        pictures, grid.view(len(pictures), -1, columns, 2), mode="bilinear", padding_mode="border", align_corners=False
    )
    split = patches.view(len(pictures), pictures.shape[1], len(windows), rows, columns)
    return split.transpose(1, 2).contiguous()


def box_corners(boxes: Tensor) -> Tensor:
    """Corners, N×4×2, of upright boxes, N×4: left, top, right, bottom."""
    left, top, right, bottom = boxes.unbind(dim=1)
    xs, ys = torch.stack([left, right, right, left], dim=1), torch.stack([top, top, bottom, bottom], dim=1)
    return torch.stack([xs, ys], dim=2)


def _points(window: Window, rows: int, columns: int) -> Tensor:
    """Homogeneous middles of a patch's pixels in the region, rows×columns×3."""
    left, top, right, bottom = window
    x = left + (right - left) * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
    y = top + (bottom - top) * (torch.arange(rows, dtype=torch.float64) + 0.5) / rows
    down, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, down, torch.ones_like(down)], dim=-1)
