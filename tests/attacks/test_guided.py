"""Guided sampling: its step against an independent computation, and a sampler that is led to what the features say."""

from __future__ import annotations

import itertools
import math

import diffusers
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from keyhole.attacks.base import Budget, MismatchError, RunSettings, Watch, WhiteBox
from keyhole.attacks.features.guided import (
    CLOSING,
    Guidance,
    Guided,
    Smoothed,
    _thinned,
    clipped,
    guided_step,
    renoised,
    spread,
    unit,
)
from keyhole.attacks.features.objective import matching_distance, relative_distance
from keyhole.attacks.features.relaxed import RelaxedHead
from keyhole.generators.diffusion import Diffusion
from keyhole.priors.prior import load_prior
from keyhole.priors.schedule import DdimStep, Prediction
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, frames, head, pictures, recipe_of
from tests.priors.tiny_priors import stable

STEP = DdimStep(500, torch.tensor(0.3), torch.tensor(0.5))


def known(folder) -> WhiteBox:
    return WhiteBox(head(), lambda shown: (shown - 0.5) / 0.25, SIZE, lambda: load_prior(str(folder)))


def guided(box, guidance, steps=4, budget=None, seed=0, **watch) -> Guided:
    generator = Diffusion(box.prior(), SIZE, steps)
    return Guided(box, generator, guidance, budget or Budget(1000), seed, Watch(**{"interval": 1e9, **watch}))


def test_without_guidance_it_is_diffusers_ancestral_step():
    scheduler = diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    scheduler.set_timesteps(10)
    timestep = int(scheduler.timesteps[3])
    step = DdimStep(timestep, scheduler.alphas_cumprod[timestep], scheduler.alphas_cumprod[timestep - 100])
    latents, output = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    noise = torch.randn(1, 4, 8, 8)
    noise *= math.sqrt(noise.numel()) / noise.norm()
    expected = scheduler.step(output, timestep, latents, eta=1.0, variance_noise=noise).prev_sample
    clean = (latents - (1 - step.alpha) ** 0.5 * output) / step.alpha**0.5
    got = guided_step(Prediction(clean, output), step, noise, torch.randn_like(noise), rate=0.0)
    assert torch.allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_the_step_stays_on_the_sphere_of_its_noise(rate):
    drawn = torch.randn(4, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    predicted, (noise, gradient) = Prediction(drawn[0], drawn[1]), drawn[2:]
    sigma = spread(STEP)
    mean = STEP.previous**0.5 * predicted.clean + (1 - STEP.previous - sigma**2) ** 0.5 * predicted.noise
    moved = guided_step(predicted, STEP, noise, gradient, rate) - mean
    radius = (sigma * math.sqrt(256)).expand(3)
    assert torch.allclose(moved.flatten(1).norm(dim=1), radius, rtol=1e-4)
    leaning = F.cosine_similarity(moved.flatten(1), -gradient.flatten(1))
    assert (leaning > {0.0: -0.3, 0.2: 0.1, 1.0: 0.999}[rate]).all()


def test_clipping_and_smoothing_are_adams():
    gradients = [torch.randn(2, 4, 3, 3) * 10**-at for at in range(4)]
    weight = torch.zeros(2, 4, 3, 3, requires_grad=True)
    adam, smoothed = torch.optim.Adam([weight], lr=1.0), Smoothed()
    for gradient in gradients:
        before = weight.detach().clone()
        weight.grad = clipped(gradient, 0.02)
        assert (weight.grad.flatten(1).norm(dim=1) <= 0.02 + 1e-6).all()
        adam.step()
        assert torch.allclose(before - weight.detach(), smoothed(weight.grad), atol=1e-4)
    short = torch.full((1, 4), 1e-3)
    assert torch.equal(clipped(short, 0.02), short)
    assert torch.equal(unit(torch.zeros(1, 4)), torch.zeros(1, 4))


def test_renoising_gives_the_marginal_of_the_step_before():
    clean, count = torch.full((4000, 1), 2.0), 4000
    at_end = STEP.previous**0.5 * clean + (1 - STEP.previous) ** 0.5 * torch.randn(count, 1)
    again = renoised(at_end, STEP, torch.randn(count, 1))
    assert again.mean().item() == pytest.approx(2 * 0.3**0.5, abs=0.06)
    assert again.std().item() == pytest.approx(0.7**0.5, abs=0.06)


def test_the_gradient_is_of_the_feature_loss_of_the_clean_estimate(tmp_path):
    box = known(stable(tmp_path))
    attack = guided(box, Guidance(pull=0.01))
    observed = (torch.cat([frame.tensors[0] for frame in frames(box, pictures(2))]),)
    step = attack.generator.plan[1]
    latents = torch.randn(2, 4, 8, 8)
    _, _, losses, gradient = attack._look(latents, step, observed, RelaxedHead(box.head))

    prior = box.prior()
    for at in range(2):
        x = latents[at : at + 1].clone().requires_grad_(True)
        text = torch.zeros(1, 1, 8)
        noise = prior.denoiser.network(x, step.timestep, encoder_hidden_states=text).sample
        clean = (x - (1 - step.alpha) ** 0.5 * noise) / step.alpha**0.5
        inputs = (prior.autoencoder.decode(clean) - 0.5) / 0.25
        z = observed[0][at : at + 1]
        loss = ((box.head(inputs) - z) ** 2).sum() / (z**2).sum() + 0.01 * (inputs**2).mean()
        loss.backward()
        assert losses[at].item() == pytest.approx(loss.item(), rel=1e-4)
        assert torch.allclose(gradient[at : at + 1], x.grad, rtol=1e-3, atol=1e-6)


def test_guidance_leads_to_the_features(tmp_path):
    box = known(stable(tmp_path))
    with torch.no_grad():
        generator = Diffusion(box.prior(), SIZE, 8)
        truth = generator(generator.start(2, torch.Generator().manual_seed(5)))
    seen = frames(box, truth)
    observed = (torch.cat([frame.tensors[0] for frame in seen]),)

    def distance(rate: float) -> float:
        *_, last = guided(box, Guidance(recurrences=3, rate=rate), steps=8).reconstruct(seen)
        with torch.no_grad():
            return relative_distance((box.head(box.normalise(last.pictures)),), observed).mean().item()

    assert distance(0.2) < 0.9 * distance(0.0)


def test_passes_are_counted(tmp_path):
    box, losses, steps = known(stable(tmp_path)), [], []
    prior, calls = box.prior(), []
    prior.denoiser.network.register_forward_hook(lambda *_: calls.append(1))
    box = WhiteBox(box.head, box.normalise, SIZE, lambda: prior)
    attack = guided(box, Guidance(recurrences=3), noted=losses.append, stepped=lambda: steps.append(1))
    *_, last = attack.reconstruct(frames(box, pictures(1)))
    assert len(calls) == len(losses) == len(steps) == last.passes == last.iteration == 4 * 3
    assert last.final


@pytest.mark.parametrize(("allowed", "expected"), [(1000, 12), (7, 7), (3, 3), (1, 1)])
def test_a_small_budget_makes_fewer_recurrences_then_fewer_steps(tmp_path, allowed, expected):
    box = known(stable(tmp_path))
    attack = guided(box, Guidance(recurrences=3), budget=Budget(allowed))
    *_, last = attack.reconstruct(frames(box, pictures(1)))
    assert last.passes == expected


def test_thinned_steps_meet():
    steps = [DdimStep(9 - at, torch.tensor(0.1 * at + 0.05), torch.tensor(0.1 * at + 0.15)) for at in range(9)]
    few = _thinned(steps, 4)
    assert [step.previous for step in few[:-1]] == [step.alpha for step in few[1:]]
    assert few[-1].previous == steps[-1].previous
    assert few[0] == DdimStep(9, steps[0].alpha, few[1].alpha)


def test_the_clock_ends_it(tmp_path):
    box, ticks = known(stable(tmp_path)), itertools.count()
    attack = guided(box, Guidance(recurrences=50), steps=5, budget=Budget(250, seconds=60), clock=lambda: next(ticks))
    *_, last = attack.reconstruct(frames(box, pictures(1)))
    assert last.final
    assert 5 <= last.passes < 250
    quick = guided(box, Guidance(recurrences=50), steps=5, budget=Budget(250, seconds=2), clock=lambda: next(ticks))
    estimates = list(quick.reconstruct(frames(box, pictures(1))))
    assert (len(estimates), estimates[0].final) == (1, True)


def test_it_is_the_same_for_the_same_seed(tmp_path):
    box = known(stable(tmp_path))
    seen = frames(box, pictures(1))
    first, again, other = (
        list(guided(box, Guidance(recurrences=1), seed=seed).reconstruct(seen))[-1].pictures for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_start_is_noised_to_the_strength(tmp_path):
    box = known(stable(tmp_path))
    attack = guided(box, Guidance(recurrences=2, strength=0.5), steps=8)
    seen = frames(box, pictures(2))
    *_, last = attack.refine(seen, torch.zeros(2, 4, 8, 8))
    assert last.passes == 4 * 2
    assert last.pictures.shape == (2, 3, SIZE, SIZE)
    assert CLOSING.strength < 0.5


def test_tokens_are_compared_by_direction():
    ours, theirs = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    maps = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    got = matching_distance((ours, maps[0]), (theirs, maps[1]))
    cosine = (ours * theirs).sum(2) / ours.norm(dim=2) / theirs.norm(dim=2)
    share = ((maps[0] - maps[1]) ** 2).sum((1, 2, 3)) / (maps[1] ** 2).sum((1, 2, 3))
    assert torch.allclose(got, ((1 - cosine).mean(1) + share) / 2, atol=1e-5)


def test_frames_of_another_head_are_refused(tmp_path):
    box = known(stable(tmp_path))
    other = WhiteBox(nn.Conv2d(3, 4, 1), box.normalise, SIZE)
    with pytest.raises(MismatchError, match="expected frames of shape"):
        list(guided(box, Guidance()).reconstruct(frames(other, pictures(1))))


def test_it_is_chosen_by_name(tmp_path):
    box = known(stable(tmp_path))
    made = recipe_of("diffusion-white/guided").make(box, RunSettings(Budget(1), sampling_steps=3))
    assert isinstance(made, Guided)
    assert made.generator.passes == 3
    assert recipe_of("diffusion-white/guided").steps() == 50 * 4
    with pytest.raises(UsageError, match="unknown recipe 'guided': decoder-white has strong, paper, refined"):
        recipe_of("decoder-white/guided")
