"""What the two stages of a prior minimise, against independent computation."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from keyhole.train.loop import Round, run_plan
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.autoencoder import LatentStatistics, new_network
from keyhole.train.prior.diffusion import (
    GAMMA,
    DiffusionTraining,
    Noising,
    denoising_loss,
    min_snr,
    new_scheduler,
    new_unet,
    sample,
    velocity_errors,
)
from keyhole.train.prior.reconstruction import EDGES, NOISE, REGULAR, ReconstructionTraining, Reconstructor, edges

HOW = Optimisation(5e-3, clip=1.0)


class Answer(nn.Module):
    """A network that answers with a fixed function of what it is given."""

    def __init__(self, answer) -> None:
        super().__init__()
        self._answer = answer
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, noisy: Tensor, timesteps: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=self._answer(noisy, timesteps) + 0 * self.weight)


def alphas() -> Tensor:
    """ᾱ of 1000 timesteps: betas whose roots are evenly spaced, then √ᾱ shifted and stretched to end at 0."""
    betas = torch.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000, dtype=torch.float64) ** 2
    roots = (1 - betas).cumprod(0).sqrt()
    return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2


def test_the_noise_ends_with_noise_alone() -> None:
    scheduler = new_scheduler()
    torch.testing.assert_close(scheduler.alphas_cumprod.double(), alphas(), atol=1e-6, rtol=1e-4)
    assert float(scheduler.alphas_cumprod[-1]) == 0.0


def test_velocities_are_signal_times_noise_less_noise_times_signal() -> None:
    torch.manual_seed(0)
    latents, noise = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    timesteps = torch.tensor([0, 400, 999])
    seen = []

    def answer(noisy: Tensor, given: Tensor) -> Tensor:
        seen.append((noisy, given))
        return torch.full_like(noisy, 0.25)

    with torch.no_grad():
        errors = velocity_errors(Answer(answer), new_scheduler(), Noising(latents, noise, timesteps))
    for place, timestep in enumerate(timesteps.tolist()):
        alpha = float(alphas()[timestep])
        noisy = math.sqrt(alpha) * latents[place] + math.sqrt(1 - alpha) * noise[place]
        velocity = math.sqrt(alpha) * noise[place] - math.sqrt(1 - alpha) * latents[place]
        torch.testing.assert_close(seen[0][0][place], noisy, atol=1e-4, rtol=1e-4)
        assert float(errors[place]) == pytest.approx(float((0.25 - velocity).square().mean()), rel=1e-3)
    assert torch.equal(seen[0][1], timesteps)


def test_weights_hold_the_signal_to_noise_ratio_below_gamma() -> None:
    for alpha in (0.0, 0.2, 0.5, 0.8, 0.9, 0.999):
        ratio = alpha / (1 - alpha)
        expected = min(ratio + 1, GAMMA) / (ratio + 1)
        assert float(min_snr(torch.tensor(alpha))) == pytest.approx(expected, rel=1e-3)


def test_the_diffusions_loss_is_the_weighted_mean_of_a_step() -> None:
    latents = torch.randn(5, 2, 4, 4)
    training = _diffusion(latents)
    (batch,) = training.batches(7, 8)
    (again,), (other,) = training.batches(7, 8), training.batches(8, 9)
    assert all(torch.equal(left, right) for left, right in zip(batch[:3], again[:3], strict=True))
    assert batch.labels is None
    assert not torch.equal(batch.noise, other.noise)
    assert all(any(torch.equal(one, known) for known in latents) for one in batch.latents)
    with torch.no_grad():
        loss = training.losses(Answer(lambda noisy, _: torch.zeros_like(noisy)), batch)["velocity"]
    expected = 0.0
    for latent, noise, timestep in zip(*batch[:3], strict=True):
        alpha = float(alphas()[timestep])
        velocity = math.sqrt(alpha) * noise - math.sqrt(1 - alpha) * latent
        expected += min(1.0, GAMMA * (1 - alpha)) * float(velocity.square().mean()) / len(batch.latents)
    assert float(loss) == pytest.approx(expected, rel=1e-3)


def test_a_network_that_knows_the_latents_has_no_loss_and_one_that_knows_nothing_has_1() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(64, 2, 8, 8, generator=generator)
    assert denoising_loss(Answer(lambda noisy, _: torch.zeros_like(noisy)), values, 0) == pytest.approx(1, abs=0.05)

    known = torch.ones(16, 2, 4, 4)

    def exact(noisy: Tensor, timesteps: Tensor) -> Tensor:
        alpha = alphas()[timesteps].float()[:, None, None, None]
        noise = (noisy - alpha.sqrt()) / (1 - alpha).sqrt()
        return alpha.sqrt() * noise - (1 - alpha).sqrt()

    assert denoising_loss(Answer(exact), known, 0) < 1e-3
    torch.testing.assert_close(sample(Answer(_from_ones), (2, 2, 4, 4), 0), torch.ones(2, 2, 4, 4))


def _from_ones(noisy: Tensor, timestep: Tensor) -> Tensor:
    """The velocity where every clean latent is 1."""
    alpha = float(new_scheduler().alphas_cumprod[timestep])
    noise = (noisy - math.sqrt(alpha)) / math.sqrt(1 - alpha)
    return math.sqrt(alpha) * noise - math.sqrt(1 - alpha)


def test_edges_are_compared_at_three_sizes() -> None:
    torch.manual_seed(2)
    decoded, pictures = torch.rand(2, 3, 8, 12), torch.rand(2, 3, 8, 12)
    expected = 0.0
    for side in (1, 2, 4):
        shape = (2, 3, 8 // side, side, 12 // side, side)
        left, right = (whole.reshape(shape).mean(dim=(3, 5)) for whole in (decoded, pictures))
        for axis in (2, 3):
            steps = [
                whole.narrow(axis, 1, whole.shape[axis] - 1) - whole.narrow(axis, 0, whole.shape[axis] - 1)
                for whole in (left, right)
            ]
            expected += float((steps[0] - steps[1]).abs().mean()) / 6
    assert float(edges(decoded, pictures)) == pytest.approx(expected, rel=1e-5)
    assert float(edges(pictures, pictures)) == 0
    assert float(edges(1 - pictures, pictures)) > 0


def test_the_autoencoders_loss_is_the_sum_of_its_terms() -> None:
    class Fixed(nn.Module):
        def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
            return pictures * 0.5, torch.tensor([1.0, 3.0])

    training = _reconstruction(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    levels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    terms = training.losses(Fixed(), levels)
    half = levels.double() / 510
    assert float(terms["L1"]) == pytest.approx(float(half.mean()), rel=1e-5)
    assert float(terms["L2"]) == pytest.approx(float(half.square().mean()), rel=1e-5)
    assert float(terms["edges"]) == pytest.approx(EDGES * float(edges(half, torch.zeros_like(half))), rel=1e-5)
    assert float(terms["latents"]) == pytest.approx(2 * REGULAR)


def test_the_divergence_is_that_from_a_standard_normal() -> None:
    torch.manual_seed(3)
    module = Reconstructor(new_network(2, (4, 8), (1, 1)))
    pictures = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        decoded, divergence = module(pictures)
        latents = module.network.encode(pictures * 2 - 1).latent
        without_noise = (module.network.decode(latents).sample + 1) / 2
    expected = kl_divergence(Normal(latents, NOISE), Normal(0.0, 1.0))
    assert decoded.shape == pictures.shape
    assert 0 < float((decoded - without_noise).abs().max()) < 1
    torch.testing.assert_close(divergence, expected)


def test_normalised_latents_come_back() -> None:
    own = torch.randn(6, 3, 4, 4) * torch.tensor([0.5, 2.0, 9.0])[:, None, None] + 4
    scale = LatentStatistics.of(own)
    latents = scale.normalised(own)
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(latents.std(dim=(0, 2, 3), correction=0), torch.ones(3))
    torch.testing.assert_close(scale.own(latents), own)
    assert scale.facts["latents_std"] == pytest.approx(own.std(dim=(0, 2, 3), correction=0).tolist())


def test_an_autoencoder_learns_a_picture_by_heart(tmp_path) -> None:
    torch.manual_seed(4)
    place = torch.arange(16) / 15
    picture = torch.stack([place.expand(16, 16), place[:, None].expand(16, 16), (place[:, None] > place).float()])
    rounds: list[Round] = []
    training = _reconstruction((picture * 255).to(torch.uint8)[None], steps=60, every=10)
    training.report = lambda _, done: rounds.append(done) or ""  # type: ignore[method-assign, func-returns-value]
    run_plan(training, tmp_path)
    assert [done.steps for done in rounds] == [10, 20, 30, 40, 50, 60]
    assert rounds[-1].losses["L1"] < 0.35 * rounds[0].losses["L1"]
    assert rounds[-1].losses["L2"] < 0.2 * rounds[0].losses["L2"]


def test_a_network_learns_to_denoise_one_latent(tmp_path) -> None:
    torch.manual_seed(5)
    latents = torch.randn(1, 2, 4, 4)
    training = _diffusion(latents, steps=60)
    before = denoising_loss(training.module, latents.expand(32, -1, -1, -1), 0)
    trained = run_plan(training, tmp_path)
    assert denoising_loss(trained, latents.expand(32, -1, -1, -1), 0) < 0.5 * before


def test_the_first_steps_are_on_pictures_of_half_the_side() -> None:
    pictures = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    training = _reconstruction(pictures, steps=3, halved=2)
    halves = pictures.double().reshape(6, 3, 4, 2, 4, 2).mean(dim=(3, 5))
    batches = list(training.batches(0, 3))
    assert [batch.shape for batch in batches] == [(4, 3, 4, 4), (4, 3, 4, 4), (4, 3, 8, 8)]
    for one in batches[0].double():
        assert any((one - half).abs().max() <= 0.5 for half in halves)
    assert all(any(torch.equal(one, known) for known in pictures) for one in batches[2])


def _reconstruction(pictures: Tensor, steps: int = 2, every: int = 1, halved: int = 0) -> ReconstructionTraining:
    network = new_network(2, (8, 16), (1, 1))
    return ReconstructionTraining(
        network, pictures, steps=steps, halved=halved, batch=4, every=every, optimisation=HOW, look=lambda _: ""
    )


def _diffusion(latents: Tensor, steps: int = 2) -> DiffusionTraining:
    network = new_unet(2, 4, (8, 16))
    return DiffusionTraining(network, latents, steps=steps, batch=8, every=20, optimisation=HOW, look=lambda _: "")
