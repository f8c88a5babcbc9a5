from __future__ import annotations

import pytest
import torch

from keyhole.attacks.base import OracleAwayError
from keyhole.attacks.features.learner import Replay


def pair(count: int, value: float):
    return torch.full((count, 3, 4, 4), value), (torch.full((count, 2, 2), 10 * value), torch.full((count, 5), value))


def test_it_hands_out_pictures_with_their_own_features():
    replay = Replay()
    replay.add(*pair(3, 0.2))
    replay.add(*pair(3, 0.6))
    assert replay.shapes == ((2, 2), (5,))
    pictures, (first, second) = replay.take([0, 5, 2, 4] * 5)
    assert pictures.shape == (20, 3, 4, 4)
    assert torch.allclose(first[:, 0, 0], 10 * pictures[:, 0, 0, 0], atol=1e-2)
    assert torch.allclose(second[:, 0], pictures[:, 0, 0, 0], atol=1e-2)
    assert len(pictures[:, 0, 0, 0].unique()) == 2


def test_targets_beyond_pictures_keep_their_range():
    replay = Replay(levels=False)
    replay.add(torch.full((1, 4, 2, 2), -3.0), (torch.zeros(1, 2),))
    assert replay.newest(1)[0].unique().tolist() == [-3.0]


def test_the_newest_stay_when_memory_is_full():
    replay = Replay(megabytes=600 / 2**20)  # a pair takes 48 + 2 × 9 bytes
    for number in range(40):
        replay.add(*pair(1, number / 255))
    assert len(replay) == 600 // 66
    pictures, _ = replay.newest(100)
    assert (pictures[:, 0, 0, 0] * 255).round().tolist() == list(range(31, 40))


def test_one_pair_stays_however_large():
    replay = Replay(megabytes=1e-6)
    replay.add(*pair(2, 0.5))
    assert len(replay) == 1


def test_answers_of_another_shape_are_refused():
    replay = Replay()
    replay.add(*pair(1, 0.5))
    with pytest.raises(OracleAwayError, match="as before"):
        replay.add(torch.zeros(1, 3, 4, 4), (torch.zeros(1, 3),))
    assert len(replay) == 1
