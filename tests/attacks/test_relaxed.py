"""A relaxed head: the same answers, another gradient."""

from __future__ import annotations

import torch
from torch import nn

from keyhole.attacks.features.relaxed import RelaxedHead
from tests.attacks.tiny import head, pictures


def gradient(answer, inputs) -> torch.Tensor:
    (made,) = torch.autograd.grad(answer.sum(), inputs)
    return made


def test_relaxation_leaves_the_answers():
    original, inputs = head(), pictures(2)
    relaxed = RelaxedHead(original)
    relaxed.relax(1.0)
    (answer,) = relaxed(inputs.requires_grad_(True))
    assert torch.allclose(answer, original(inputs), atol=1e-5)


def test_without_relaxation_the_gradient_is_the_heads():
    original, inputs = head(), pictures(2).requires_grad_(True)
    (answer,) = RelaxedHead(original)(inputs)
    assert torch.allclose(gradient(answer, inputs), gradient(original(inputs), inputs), atol=1e-6)


def test_relaxation_reaches_pixels_that_the_head_ignores():
    pooled = nn.Sequential(nn.MaxPool2d(4), nn.Sequential(nn.ReLU()))
    relaxed = RelaxedHead(pooled)
    inputs = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    assert (gradient(relaxed(inputs)[0], inputs) != 0).sum() <= 3 * 4
    relaxed.relax(1.0)
    assert (gradient(relaxed(inputs)[0], inputs) != 0).all()


def test_the_original_head_is_left_alone():
    original = head()
    RelaxedHead(original).relax(1.0)
    assert [type(layer) for layer in original] == [nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Conv2d, nn.ReLU]


def test_pools_that_cannot_be_relaxed_stay():
    dilated = nn.Sequential(nn.MaxPool2d(2, dilation=2))
    relaxed = RelaxedHead(dilated)
    relaxed.relax(1.0)
    inputs = torch.randn(1, 1, 6, 6).requires_grad_(True)
    assert torch.equal(relaxed(inputs)[0], dilated(inputs))


def test_a_layer_that_stands_at_two_places_is_relaxed_at_both():
    shared = nn.ReLU()
    relaxed = RelaxedHead(nn.Sequential(shared, nn.Identity(), shared))
    relaxed.relax(1.0)
    inputs = torch.full((1, 1, 2, 2), -1.0).requires_grad_(True)
    assert (gradient(relaxed(inputs)[0], inputs) != 0).all()
