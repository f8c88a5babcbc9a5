"""The sampler: diffusers' own, step for step, and a gradient that costs no memory."""

from __future__ import annotations

from types import SimpleNamespace

import diffusers
import pytest
import torch
from torch import nn

from keyhole.generators.diffusion import normalised
from keyhole.priors.denoiser import Denoiser, _advance, ddim_sample, ddim_step
from keyhole.priors.schedule import read_schedule

SHAPE = (2, 4, 6, 6)


class Network(nn.Module):
    """Stands in for a U-Net, and counts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.Tanh(), nn.Conv2d(16, 4, 3, padding=1))
        self.requires_grad_(False)
        self.calls = 0

    def forward(self, latents, timestep):
        self.calls += 1
        return SimpleNamespace(sample=self.layers(latents) * (1 + timestep / 1000))


def denoiser(**schedule) -> Denoiser:
    facts = {"clip_sample": False, **schedule}
    return Denoiser(Network(), read_schedule(facts), channels=4, multiple=1)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"beta_schedule": "scaled_linear", "steps_offset": 1, "set_alpha_to_one": False},
        {"timestep_spacing": "trailing", "clip_sample": True, "clip_sample_range": 0.7},
    ],
)
@pytest.mark.parametrize("count", [2, 8, 20])
def test_it_is_diffusers_sampler(prediction, schedule, count):
    """Where its step, always the trained timesteps over the count, is that to the next timestep."""
    ours = denoiser(prediction_type=prediction, **schedule)
    theirs = diffusers.DDIMScheduler(**{"clip_sample": False, "prediction_type": prediction, **schedule})
    theirs.set_timesteps(count)
    plan = ours.schedule.steps(count)
    assert [step.timestep for step in plan] == theirs.timesteps.tolist()
    latents = expected = torch.randn(SHAPE)
    for step, timestep in zip(plan, theirs.timesteps, strict=True):
        output = ours.network(latents, step.timestep).sample
        expected = theirs.step(output, timestep, latents, eta=0.0).prev_sample
        latents = ddim_step(ours.predict(latents, step.timestep), step.previous)
        assert torch.allclose(latents, expected, rtol=1e-5, atol=1e-5)


def test_noise_and_velocity_say_the_same():
    schedule = denoiser().schedule
    clean, noise, alpha = torch.randn(SHAPE), torch.randn(SHAPE), torch.tensor(0.3)
    latents = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
    velocity = alpha**0.5 * noise - (1 - alpha) ** 0.5 * clean
    for name, output in (("epsilon", noise), ("v_prediction", velocity), ("sample", clean)):
        read = denoiser(prediction_type=name).schedule.read(latents, output, alpha)
        assert torch.allclose(read.clean, clean, atol=1e-5)
        assert torch.allclose(read.noise, noise, atol=1e-5)
    assert schedule.clip is None


def test_the_gradient_is_that_of_keeping_everything():
    model = denoiser(prediction_type="v_prediction")
    noise = torch.randn(SHAPE, requires_grad=True)
    plan = model.schedule.steps(5)
    (light,) = torch.autograd.grad(ddim_sample(model, noise, plan).square().sum(), noise)
    latents = noise
    for step in plan:
        latents = _advance(model, step, latents)
    (heavy,) = torch.autograd.grad(latents.square().sum(), noise)
    assert torch.allclose(light, heavy, rtol=1e-5, atol=1e-6)


def kept(run) -> int:
    """Numbers that autograd keeps for the way back."""
    numbers = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: numbers.append(tensor.numel()) or tensor, lambda t: t):
        run()
    return sum(numbers)


def test_each_step_keeps_one_latent_of_all_its_activations():
    model = denoiser()
    noise = torch.randn(SHAPE, requires_grad=True)
    few, many = (kept(lambda count=count: ddim_sample(model, noise, model.schedule.steps(count))) for count in (2, 20))
    whole = kept(lambda: _advance(model, model.schedule.steps(1)[0], noise))
    latent = noise.numel()
    assert (many - few) / 18 <= latent < whole / 10


def test_passes_are_one_for_each_step_and_once_more_for_the_gradient():
    model = denoiser()
    noise = torch.randn(SHAPE, requires_grad=True)
    with torch.no_grad():
        ddim_sample(model, noise, model.schedule.steps(6))
    assert model.network.calls == 6
    torch.autograd.grad(ddim_sample(model, noise, model.schedule.steps(6)).sum(), noise)
    assert model.network.calls == 6 + 2 * 6


def test_each_picture_is_normalised_by_itself():
    variable = torch.randn(3, 4, 8, 8) * torch.tensor([1.0, 5.0, 9.0])[:, None, None, None] + 2
    made = normalised(variable)
    assert torch.allclose(made.mean((1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(made.std((1, 2, 3)), torch.ones(3), atol=1e-5)
    assert torch.allclose(normalised(variable[1:2]), made[1:2], atol=1e-6)
