"""What a black-box attack's learner hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

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
