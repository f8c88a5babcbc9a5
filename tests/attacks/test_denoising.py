"""The diffusion model as a regulariser, against RED-diff's own form of its gradient."""

from __future__ import annotations

from dataclasses import replace

import torch

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.features.denoising import Denoising
from keyhole.generators.latents import Decoder, WhiteLatents
from keyhole.priors.prior import load_prior
from tests.attacks.test_refined import public
from tests.attacks.tiny import frames, pictures, recipe_of, white_box
from tests.priors.tiny_priors import tiny


def test_its_gradient_is_the_weighted_difference_of_predicted_and_added_noise(tmp_path):
    prior = load_prior(str(tiny(tmp_path)))
    latents = torch.randn(2, 4, 8, 8).requires_grad_(True)
    weight, timestep = 3.0, round((0.5 + 0.05) / 2 * 999)
    penalty = Denoising(Decoder(prior.autoencoder, 32), prior.denoiser, weight)
    losses = penalty(latents, 0.5, torch.Generator().manual_seed(7))
    (gradient,) = torch.autograd.grad(losses.sum(), latents)

    alpha = prior.denoiser.schedule.alphas_cumprod[timestep]
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        predicted = prior.denoiser.predict_noise(noisy, timestep)
    expected = 2 * weight * ((1 - alpha) / alpha).sqrt() * (predicted - noise) / latents[0].numel()
    torch.testing.assert_close(gradient, expected, atol=1e-4, rtol=1e-3)
    assert losses.shape == (2,)


def test_the_strong_attack_passes_the_network_once_a_step_of_the_latent(tmp_path):
    prior = load_prior(str(tiny(tmp_path)))
    box = replace(white_box(), prior=lambda: prior, public=public)
    made = recipe_of("diffusion-white").make(box, RunSettings(Budget(12), watch=Watch(1e9)))
    assert isinstance(made.generator, WhiteLatents)
    *_, last = made.reconstruct(frames(box, pictures(2)))
    assert (last.iteration, last.passes) == (12, 3)
