"""Batch-norm statistics taken anew after a training."""

import torch
from torch import nn

from keyhole.targets.preprocess import Preprocess
from keyhole.train.calibration import calibrate, plain_batches
from keyhole.train.classifier import Classification
from keyhole.train.recipe import Recipe
from tests.train.test_classifier import PREPROCESS, striped


def task(network: nn.Module, calibration: int) -> Classification:
    recipe = Recipe(stages=((16, 1),), batch=16, calibration=calibration)
    return Classification(network, striped(64, 0), striped(8, 1), PREPROCESS, recipe)


def normed() -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    norm.running_mean += 7
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()


def test_the_statistics_are_those_of_plain_pictures() -> None:
    network = normed()
    lesson = task(network, calibration=64)
    calibrate(network, lesson)
    pictures = PREPROCESS.normalise(striped(64, 0).pictures.float() / 255)
    activations = network[0](pictures)
    torch.testing.assert_close(network[1].running_mean, activations.mean((0, 2, 3)))
    torch.testing.assert_close(network[1].running_var, activations.var((0, 2, 3)))
    assert not network.training


def test_a_recipe_without_calibration_keeps_them() -> None:
    network = normed()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibrate(network, task(network, calibration=0))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_plain_pictures_are_whole_and_spread_over_all() -> None:
    pictures = torch.arange(600, dtype=torch.float).mul(255 / 600).to(torch.uint8).view(-1, 1, 1, 1)
    pictures = pictures.expand(600, 3, 8, 8)
    preprocess = Preprocess(8, mean=(0, 0, 0), std=(1, 1, 1))
    batches = list(plain_batches(pictures, 300, preprocess))
    assert [len(batch) for batch in batches] == [150, 150]
    torch.testing.assert_close(torch.cat(batches), pictures[::2].float() / 255)
    assert sum(len(batch) for batch in plain_batches(pictures[:5], 300, preprocess)) == 5
