from __future__ import annotations

import pytest
import torch

from keyhole.data.streetcam.pools import identity_range
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.enrolment import streetcam_views

NUMBER = identity_range("audit")[5]


def test_a_vehicle_is_enrolled_from_all_sides_and_always_alike() -> None:
    views = streetcam_views(str(NUMBER))
    assert views is not None
    assert views.shape == (8, 3, 128, 128)
    assert (views.min() >= 0, views.max() <= 1) == (True, True)
    again = streetcam_views(str(NUMBER))
    assert again is not None
    assert torch.equal(views, again)
    assert (views[0] - views[2]).abs().mean() > 0.02


def test_its_pictures_are_those_of_no_stream() -> None:
    views = streetcam_views(str(NUMBER))
    assert views is not None
    streamed = Streetcam("audit").shot(5, 8)
    assert streamed.identity == NUMBER
    assert (views[0] - torch.from_numpy(streamed.picture).permute(2, 0, 1) / 255).abs().mean() > 0.02


@pytest.mark.parametrize("word", ["", "Ann", "-1", str(2**40)])
def test_of_others_there_are_no_pictures(word: str) -> None:
    assert streetcam_views(word) is None
