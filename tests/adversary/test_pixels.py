"""The coordinates in which a picture is optimised."""

from __future__ import annotations

import pytest
import torch

from adversary.generators.pixels import Pixels, SpectralPixels


@pytest.mark.parametrize("make", [Pixels, SpectralPixels])
@pytest.mark.parametrize("size", [8, 9])
def test_it_starts_from_nearly_grey_pictures(make, size):
    generator = make(size)
    pictures = generator(generator.start(3, torch.Generator().manual_seed(0)))
    assert pictures.shape == (3, 3, size, size)
    assert (pictures - pictures.mean()).abs().max() < 0.2
    assert 0.4 < pictures.mean() < 0.6


@pytest.mark.parametrize("make", [Pixels, SpectralPixels])
def test_the_start_follows_the_seed(make):
    first, again, other = (make(8).start(1, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_picture_has_spectral_coordinates():
    generator = SpectralPixels(4)
    shape = generator.start(1, torch.Generator()).shape
    origin = generator(torch.zeros(shape))
    axes = torch.eye(shape.numel()).view(-1, *shape[1:])
    columns = (generator(axes) - origin).flatten(1)
    assert torch.linalg.matrix_rank(columns) == 3 * 4 * 4


def test_coarse_structure_moves_further_than_fine_structure():
    generator = SpectralPixels(16)
    zero = torch.zeros(generator.start(1, torch.Generator()).shape)

    def reach(row: int, column: int) -> float:
        step = zero.clone()
        step[0, 0, row, column, 0] = 1
        return float((generator(step) - generator(zero)).norm())

    assert reach(0, 1) > 3 * reach(0, 7)
