"""Any payload becomes a stack of maps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from keyhole.nn.payload import MapLayout

shapes = st.lists(st.lists(st.integers(1, 9), min_size=0, max_size=4).map(tuple), min_size=1, max_size=3)


@given(shapes, st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_any_payload_fits_its_own_layout(some, count):
    layout = MapLayout(tuple(some))
    maps = layout([torch.rand(count, *shape) for shape in some])
    assert maps.shape == (count, layout.channels, *layout.grid)


@pytest.mark.parametrize(
    ("shape", "channels", "grid"),
    [
        ((64, 32, 32), 64, (32, 32)),
        ((64, 7, 9), 64, (7, 9)),
        ((14, 14, 96), 96, (14, 14)),
        ((9, 9, 9), 9, (9, 9)),
        ((196, 768), 768, (14, 14)),
        ((197, 768), 1536, (14, 14)),
        ((201, 384), 768, (14, 14)),
        ((512,), 512, (1, 1)),
        ((2, 3, 4, 5), 120, (1, 1)),
        ((), 1, (1, 1)),
    ],
)
def test_what_each_shape_is_read_as(shape, channels, grid):
    layout = MapLayout((shape,))
    assert (layout.channels, layout.grid) == (channels, grid)


@pytest.mark.parametrize(
    ("shape", "channels", "grid"),
    [
        ((64, 32, 16), 64, (32, 16)),
        ((32, 16, 8), 32, (16, 8)),
        ((16, 8, 96), 96, (16, 8)),
        ((128, 192), 192, (16, 8)),
        ((129, 192), 384, (16, 8)),
        ((2, 192), 192, (2, 1)),
        ((1, 192), 192, (1, 1)),
        ((512,), 512, (1, 1)),
    ],
)
def test_what_each_shape_is_read_as_of_a_tall_picture(shape, channels, grid):
    layout = MapLayout((shape,), (256, 128))
    assert (layout.channels, layout.grid) == (channels, grid)
    assert layout([torch.rand(2, *shape)]).shape == (2, channels, *grid)


def test_tokens_keep_their_places():
    tokens = torch.arange(2 * 5 * 1.0).view(2, 5, 1)
    grid, summary = MapLayout(((5, 1),))([tokens])[0]
    assert grid.tolist() == [[1, 2], [3, 4]]
    assert summary.tolist() == [[0, 0], [0, 0]]


def test_channels_last_is_turned():
    maps = torch.rand(1, 4, 4, 7)
    assert torch.equal(MapLayout(((4, 4, 7),))([maps]), maps.permute(0, 3, 1, 2))


def test_tensors_of_two_resolutions_meet_at_the_finer():
    layout = MapLayout(((2, 4, 4), (3, 2, 2)))
    coarse = torch.rand(1, 3, 2, 2)
    maps = layout([torch.rand(1, 2, 4, 4), coarse])
    assert maps.shape == (1, 5, 4, 4)
    assert torch.equal(maps[:, 2:, ::2, ::2], coarse)


def test_another_payload_is_refused():
    with pytest.raises(ValueError, match=r"expected tensors of shapes \(\(3, 4, 4\),\)"):
        MapLayout(((3, 4, 4),))([torch.rand(1, 3, 5, 5)])


@pytest.mark.parametrize("empty", [(), ((3, 0, 4),)])
def test_nothing_cannot_be_laid_out(empty):
    with pytest.raises(ValueError, match="expected at least one tensor"):
        MapLayout(empty)
