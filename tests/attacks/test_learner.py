"""The replay of a black-box attack, and the network that its learner hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.base import OracleAwayError
from keyhole.attacks.features.learner import Learner, Replay
from keyhole.attacks.features.training import DEFAULT_TRAINING, PAPER_TRAINING, InversionTraining
from keyhole.attacks.features.training_losses import picture_loss
from keyhole.generators.pixels import Pixels
from keyhole.nn.payload import PayloadNetwork, Shape
from tests.attacks.tiny import SIZE, head, pictures

PAIRS = 64


class Normed(PayloadNetwork):
    """One convolution, one batch norm."""

    def __init__(self, shapes: Sequence[Shape], _variable: Shape) -> None:
        super().__init__(shapes)
        self.convolution = nn.Conv2d(self.layout.channels, 3, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, *tensors: Tensor) -> Tensor:
        return nn.functional.interpolate(self.norm(self.convolution(self.maps(tensors))), (SIZE, SIZE))


@pytest.fixture
def replay() -> Replay:
    shown = pictures(PAIRS)
    filled = Replay()
    with torch.no_grad():
        filled.add(shown, (head()((shown - 0.5) / 0.25),))
    return filled


def learner_of(replay: Replay, training: InversionTraining) -> Learner:
    return Learner(replay, (3, SIZE, SIZE), picture_loss(Pixels(SIZE)), replace(training, network=Normed), 0)


def test_batch_norms_of_averaged_weights_are_counted_with_those_weights(replay: Replay) -> None:
    learner = learner_of(replay, DEFAULT_TRAINING)
    for _ in range(5):
        learner.step()
    with torch.no_grad():
        learner._average.convolution.weight.mul_(-3)  # far from those that learn
    network = learner.snapshot().network
    assert not network.training
    with torch.no_grad():
        _, features = replay.newest(PAIRS)
        arriving = network.convolution(network.maps(features))
    spread = arriving.std((0, 2, 3))
    assert bool(((network.norm.running_mean - arriving.mean((0, 2, 3))).abs() < 0.15 * spread).all())
    torch.testing.assert_close(network.norm.running_var.sqrt(), spread, rtol=0.15, atol=0)
    before = network.norm.running_mean.clone()
    learner.step()
    assert torch.equal(network.norm.running_mean, before)


def test_weights_that_are_not_averaged_keep_the_counts_of_their_training(replay: Replay) -> None:
    learner = learner_of(replay, replace(PAPER_TRAINING, batch=16, learning_rate=0.01))
    for _ in range(5):
        learner.step()
    assert int(learner.snapshot().network.norm.num_batches_tracked) == 5


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
