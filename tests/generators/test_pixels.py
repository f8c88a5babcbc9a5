"""The coordinates in which a picture is optimised."""

from __future__ import annotations

import math

import pytest
import torch

from keyhole.generators.pixels import Pixels, SpectralPixels
from keyhole.sizes import height_width


@pytest.mark.parametrize("make", [Pixels, SpectralPixels])
@pytest.mark.parametrize("size", [8, 9, (12, 6), (5, 8)])
def test_it_starts_from_nearly_grey_pictures(make, size):
    generator = make(size)
    pictures = generator(generator.start(3, torch.Generator().manual_seed(0)))
    assert pictures.shape == (3, 3, *height_width(size))
    assert (pictures - pictures.mean()).abs().max() < 0.2
    assert 0.4 < pictures.mean() < 0.6


@pytest.mark.parametrize("make", [Pixels, SpectralPixels])
def test_the_start_follows_the_seed(make):
    first, again, other = (make(8).start(1, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("size", [4, (2, 8), (6, 3)])
def test_every_picture_has_spectral_coordinates(size):
    generator = SpectralPixels(size)
    shape = generator.start(1, torch.Generator()).shape
    origin = generator(torch.zeros(shape))
    axes = torch.eye(shape.numel()).view(-1, *shape[1:])
    columns = (generator(axes) - origin).flatten(1)
    assert torch.linalg.matrix_rank(columns) == 3 * math.prod(height_width(size))


def test_coarse_structure_moves_further_than_fine_structure():
    generator = SpectralPixels(16)
    zero = torch.zeros(generator.start(1, torch.Generator()).shape)

    def reach(row: int, column: int) -> float:
        step = zero.clone()
        step[0, 0, row, column, 0] = 1
        return float((generator(step) - generator(zero)).norm())

    assert reach(0, 1) > 3 * reach(0, 7)
