"""The deep image prior: weights of an untrained network as the variable of the white box."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.features.objective import UNTRAINED
from keyhole.attacks.features.white_box import OptimisedRecipe
from keyhole.generators.untrained import WIDTHS, DeepImagePrior
from keyhole.metrics import psnr
from keyhole.nn.hourglass import Hourglass, levels
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box


def reconstruct(recipe, known, seen, steps):
    return list(recipe.make(known, RunSettings(Budget(steps), 3, Watch(1e9))).reconstruct(seen))


def test_its_picture_is_the_networks_with_those_weights():
    generator = DeepImagePrior(SIZE)
    weights = generator.start(2, torch.Generator().manual_seed(1))
    assert not torch.equal(weights[0], weights[1])
    network = Hourglass(16, WIDTHS[:1])
    vector_to_parameters(weights[1], network.parameters())
    noise = 0.1 * torch.rand(1, 16, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(generator(weights)[1:], network(noise), atol=1e-6)


def test_the_same_seed_makes_the_same_picture_and_leaves_other_random_numbers_alone():
    known = white_box()
    seen = frames(known, pictures(1))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    (first,), (again,) = (reconstruct(recipe_of("dip-white"), known, seen, 3) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.pictures, again.pictures)


def test_it_recovers_more_than_the_blind_attackers_best_flat_picture():
    known, truth = white_box(), pictures(1)
    *_, last = reconstruct(recipe_of("dip-white"), known, frames(known, truth), 80)
    flat = truth.mean(dim=(2, 3), keepdim=True).expand_as(truth)
    assert (psnr(last.pictures, truth) > psnr(flat, truth) + 4).all()


def test_pictures_of_a_batch_have_weights_of_their_own():
    known = white_box()
    seen = frames(known, pictures(2))
    (together,), (other,) = (reconstruct(recipe_of("dip-white"), known, pair, 5) for pair in (seen, [seen[0]] * 2))
    assert torch.allclose(together.pictures[0], other.pictures[0], atol=1e-4)


def test_it_stops_when_the_features_come_no_nearer():
    blank = white_box(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()).requires_grad_(False))
    seen = frames(blank, pictures(1))
    stubborn = [replace(seen[0], tensors=(seen[0].tensors[0] * 0 - 9.0,))]
    hasty = OptimisedRecipe(replace(UNTRAINED, patience=4), lambda known, _: DeepImagePrior(known.size))
    *_, last = reconstruct(hasty, blank, stubborn, 500)
    assert last.final
    assert last.iteration < 500
    assert UNTRAINED.patience == 150


@pytest.mark.parametrize(("height", "width", "expected"), [(128, 128, 4), (224, 224, 4), (16, 16, 1), (8, 200, 1)])
def test_small_pictures_have_fewer_levels(height, width, expected):
    assert levels(height, width, 4) == expected
    made = Hourglass(3, (4,) * expected)(torch.rand(1, 3, height, width))
    assert made.shape == (1, 3, height, width)
    assert 0 <= made.min() <= made.max() <= 1


def test_odd_sizes_come_out_as_they_went_in():
    generator = DeepImagePrior((50, 34))
    assert generator(generator.start(1, torch.Generator())).shape == (1, 3, 50, 34)
