"""He et al.'s optimiser beside their equation, written out again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.features.rmle import RMLE, MeanVariation, RmleRecipe
from keyhole.generators.pixels import NormalisedPixels
from keyhole.metrics import psnr
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box


def reconstruct(recipe, known, seen, steps):
    run = RunSettings(Budget(steps), watch=Watch(interval=1e9))
    return list(recipe.make(known, run).reconstruct(seen))[-1].pictures


def convolution():
    """Where every number of the picture has a gradient: the published ε makes the steps of the others tiny."""
    torch.manual_seed(0)
    return nn.Conv2d(3, 12, 3, padding=1).requires_grad_(False)


def test_three_steps_are_those_of_the_equation():
    known = white_box()
    (seen,) = frames(known, pictures(1))
    got = reconstruct(RmleRecipe(weight=10.0), known, [seen], 3)

    inputs = torch.zeros(1, 3, SIZE, SIZE, requires_grad=True)
    adam = torch.optim.Adam([inputs], lr=1e-2, eps=1e-3, amsgrad=True)
    for _ in range(3):
        adam.zero_grad()
        below = (inputs[:, :, 1:] - inputs[:, :, :-1]).pow(2).sum() / (3 * (SIZE - 1) * SIZE)
        beside = (inputs[..., 1:] - inputs[..., :-1]).pow(2).sum() / (3 * SIZE * (SIZE - 1))
        (((known.head(inputs) - seen.tensors[0]) ** 2).mean() + 10 * (below + beside)).backward()
        adam.step()
    assert torch.allclose(got, (inputs.detach() * 0.25 + 0.5).clamp(0, 1), atol=1e-5)


def test_settings_are_the_published_ones():
    assert (RMLE.iterations, RMLE.learning_rate, RMLE.betas, RMLE.epsilon) == (5000, 0.01, (0.9, 0.999), 1e-3)
    names = ("pixels-white/rmle-shallow", "pixels-white/rmle", "pixels-white/rmle-deep")
    assert [recipe_of(name).weight for name in names] == [0, 10, 1000]
    assert recipe_of("pixels-white/rmle").steps() == 5000


def test_it_gets_more_than_the_picture_that_it_starts_from():
    known, truth = white_box(convolution()), pictures(2)
    made = reconstruct(recipe_of("pixels-white/rmle-shallow"), known, frames(known, truth), 200)
    assert (psnr(made, truth) > psnr(torch.full_like(truth, 0.5), truth) + 4).all()


def test_a_larger_weight_makes_a_smoother_picture():
    known, truth = white_box(convolution()), pictures(1)
    seen, term = frames(known, truth), MeanVariation(1.0)
    loose, tight = (reconstruct(RmleRecipe(weight), known, seen, 100) for weight in (0.01, 1.0))
    assert term(tight, 0.0, torch.Generator()) < 0.7 * term(loose, 0.0, torch.Generator())


@pytest.mark.parametrize("size", [16, (6, 10)])
def test_its_variable_is_what_pictures_are_normalised_to(size):
    known = white_box()
    pixels = NormalisedPixels(size, known.normalise)
    variable = torch.randn(pixels.start(2, torch.Generator()).shape)
    assert torch.allclose(known.normalise(pixels(variable)), variable, atol=1e-5)
    assert torch.allclose(pixels(pixels.start(1, torch.Generator())), torch.tensor(0.5))
