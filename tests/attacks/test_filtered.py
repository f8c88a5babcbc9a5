"""The filter of finished pictures: ROF by another algorithm, and when it comes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.features.filtered import rof_filter
from keyhole.metrics import psnr
from tests.attacks.tiny import frames, pictures, recipe_of, white_box


def blurred(shown):
    """A Gaussian of 0.4 pixels, borders repeated."""
    taps = torch.exp(-torch.arange(-2.0, 3.0).square() / (2 * 0.4**2))
    kernel = (taps[:, None] * taps[None] / taps.sum().square()).expand(3, 1, 5, 5)
    return nn.functional.conv2d(nn.functional.pad(shown, (2, 2, 2, 2), mode="replicate"), kernel, groups=3)


def energy(made, given, weight):
    """½‖u − f‖² + λ·Σ|∇u|, differences beyond the border being none."""
    down = nn.functional.pad(made[:, :, 1:] - made[:, :, :-1], (0, 0, 0, 1))
    across = nn.functional.pad(made[..., 1:] - made[..., :-1], (0, 1))
    return 0.5 * (made - given).square().sum() + weight * (down.square() + across.square()).add(1e-12).sqrt().sum()


@pytest.mark.parametrize("weight", [0.02, 0.1])
def test_it_minimises_the_energy_of_rof_as_gradient_descent_does(weight):
    noisy = (pictures(1) + 0.1 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))).clamp(0.1, 0.9)
    given = blurred(noisy)
    found = given.clone().requires_grad_(True)
    adam = torch.optim.Adam([found])
    for step in range(250):
        adam.param_groups[0]["lr"] = 0.02 * 0.98**step
        (gradient,) = torch.autograd.grad(energy(found, given, weight), found)
        found.grad = gradient
        adam.step()
    made = rof_filter(noisy, weight)
    best = energy(found.detach(), given, weight)
    assert energy(made, given, weight) < 1.01 * best < energy(given, given, weight)
    assert (made - found.detach()).abs().mean() < 0.01


def test_without_weight_it_is_the_gaussian():
    assert torch.allclose(rof_filter(pictures(2), 0.0), blurred(pictures(2)), atol=1e-5)


def test_it_comes_last_and_leaves_the_course_of_the_attack_as_it_was():
    known, truth = white_box(), pictures(2)
    seen = frames(known, truth)
    plain, filtered = (
        list(recipe_of(f"pixels-white/{name}").make(known, RunSettings(Budget(5), watch=Watch(0.0))).reconstruct(seen))
        for name in ("strong", "filtered")
    )
    assert [(one.iteration, one.loss, one.final) for one in plain] == [
        (one.iteration, one.loss, one.final) for one in filtered
    ]
    assert all(torch.equal(one.pictures, other.pictures) for one, other in zip(plain[:-1], filtered[:-1], strict=True))
    assert torch.equal(filtered[-1].pictures, rof_filter(plain[-1].pictures, 0.02))


def test_a_run_chooses_the_weight():
    known = white_box()
    seen = frames(known, pictures(1))
    run = RunSettings(Budget(3), watch=Watch(1e9), smoothing=0.3)
    (plain,) = recipe_of("pixels-white").make(known, run).reconstruct(seen)
    (made,) = recipe_of("pixels-white/filtered").make(known, run).reconstruct(seen)
    assert torch.equal(made.pictures, rof_filter(plain.pictures, 0.3))


def test_it_takes_out_noise():
    truth = pictures(3)
    noisy = truth + 0.05 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    assert (psnr(rof_filter(noisy.clamp(0, 1), 0.02), truth) > psnr(noisy.clamp(0, 1), truth) + 1).all()
