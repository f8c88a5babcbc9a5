from __future__ import annotations

import pytest
import torch
from torch import Tensor

from keyhole.judge.rectify import box_corners, homographies, rectify

KNOWN = torch.tensor([[30.0, -6.0, 12.0], [5.0, 18.0, 9.0], [0.25, 0.1, 1.0]], dtype=torch.float64)
SQUARE = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)


def placed(points: Tensor) -> Tensor:
    """Pixels of homogeneous points of the unit square under the known map."""
    moved = points @ KNOWN.T
    return moved[..., :2] / moved[..., 2:]


def test_the_map_is_found_from_where_the_corners_went() -> None:
    found = homographies(placed(SQUARE)[None])
    torch.testing.assert_close(found, KNOWN[None], rtol=1e-9, atol=1e-9)


def test_a_patch_shows_what_the_known_map_says() -> None:
    down, across = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    picture = torch.stack([across / 64, down / 64, (across + down) / 128])[None].double()
    patch = rectify(picture, placed(SQUARE)[None], [(0, 0, 1, 1), (0.25, 0.5, 0.75, 1)], (4, 6))
    assert patch.shape == (1, 2, 3, 4, 6)
    for window, (left, top, wide, tall) in enumerate(((0, 0, 1, 1), (0.25, 0.5, 0.5, 0.5))):
        for row in range(4):
            for column in range(6):
                u, v = left + wide * (column + 0.5) / 6, top + tall * (row + 0.5) / 4
                x, y = placed(torch.tensor([u, v, 1.0], dtype=torch.float64)).tolist()
                shown = patch[0, window, :, row, column].tolist()
                assert shown == pytest.approx([x / 64, y / 64, (x + y) / 128], abs=1e-6)


def test_an_upright_box_of_whole_pixels_is_cut_out_exactly() -> None:
    pictures = torch.rand(2, 3, 16, 20)
    boxes = torch.tensor([[4.0, 2.0, 12.0, 8.0], [0.0, 0.0, 8.0, 6.0]])
    patch = rectify(pictures, box_corners(boxes), [(0, 0, 1, 1)], (6, 8))[:, 0]
    torch.testing.assert_close(patch[0], pictures[0, :, 2:8, 4:12], atol=1e-5, rtol=0)
    torch.testing.assert_close(patch[1], pictures[1, :, :6, :8], atol=1e-5, rtol=0)


def test_beyond_the_picture_its_edge_goes_on() -> None:
    pictures = torch.rand(1, 3, 8, 8)
    patch = rectify(pictures, box_corners(torch.tensor([[-4.0, 0.0, 0.0, 8.0]])), [(0, 0, 1, 1)], (8, 4))[:, 0]
    torch.testing.assert_close(patch, pictures[..., :1].expand(1, 3, 8, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (torch.zeros(1, 3, 2), "N×4×2"),
        (torch.full((1, 4, 2), torch.nan), "not finite"),
        (torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]]), "on a line"),
        (torch.zeros(2, 4, 2), "not \\(1, 3, 8, 8\\) and \\(2, 4, 2\\)"),
    ],
)
def test_what_is_no_region_is_refused(corners: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rectify(torch.rand(1, 3, 8, 8), corners, [(0, 0, 1, 1)], (4, 4))
