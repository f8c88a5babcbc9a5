"""Learned attacks through a prior: Eq. 11, the paper's training, and a network that learns, on random priors."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from keyhole.attacks.base import BlackBox, Budget, RunSettings
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.learner import in_epochs
from keyhole.attacks.features.training import LATENT_TRAINING, PAPER_TRAINING, InversionTraining
from keyhole.attacks.features.training_losses import LatentLoss, PictureLoss, latent_loss, published_picture_loss
from keyhole.attacks.registry import ATTACKS
from keyhole.generators.diffusion import Denoised, Diffusion
from keyhole.generators.latents import Decoder
from keyhole.generators.pixels import Pixels
from keyhole.nn.unet import InversionUNet
from keyhole.priors.autoencoder import Autoencoder, LatentScale
from keyhole.priors.denoiser import ddim_sample, load_denoiser
from keyhole.priors.prior import Prior, load_prior
from keyhole.service.errors import UsageError
from tests.attacks.tiny import SIZE, frames, head, pictures, recipe_of, white_box
from tests.priors.tiny_priors import flux, stable, tiny


def small(shapes, variable) -> InversionUNet:
    return InversionUNet(shapes, variable, parameters=60_000)


QUICK = replace(LATENT_TRAINING, network=small, first=32, query=4, every=4, publish=5, learning_rate=3e-3)


class Oracle:
    def __init__(self, network: nn.Module | None = None) -> None:
        self.known, self.asked = white_box(network), 0

    def query(self, pictures):
        self.asked += len(pictures)
        with torch.no_grad():
            features = self.known.head(self.known.normalise(pictures))
        return features if isinstance(features, tuple) else (features,)


def known(prior=None, oracle=None) -> BlackBox:
    public = itertools.chain.from_iterable(pictures(8, seed) for seed in itertools.count(100))
    return BlackBox(oracle or Oracle(), public, SIZE, lambda: load_prior(str(prior)))


def final(attack: BlackBoxAttack, shown):
    (estimate,) = attack.reconstruct(frames(white_box(), shown))
    return estimate


@pytest.mark.parametrize("name", ["decoder", "diffusion"])
def test_eq_11_is_the_papers(tmp_path, name):
    prior = load_prior(str(stable(tmp_path)))
    generator = Decoder(prior.autoencoder, SIZE) if name == "decoder" else Diffusion(prior, SIZE, steps=3)
    variable, truth = generator.start(2, torch.Generator().manual_seed(0)) * 2 + 1, pictures(2)
    got = published_picture_loss(generator).losses(variable, truth)

    z = variable
    if name == "diffusion":
        v_n = torch.stack([(v - v.mean()) / v.std() for v in variable])
        z = ddim_sample(prior.denoiser, v_n, prior.denoiser.schedule.steps(3))
    x = prior.autoencoder.decode(z)
    variation = (x.diff(dim=2) ** 2).sum((1, 2, 3)) + (x.diff(dim=3) ** 2).sum((1, 2, 3))
    assert torch.allclose(got, ((x - truth) ** 2).sum((1, 2, 3)) + 1.0 * variation / SIZE**2, rtol=1e-4)


def test_the_papers_training_is_plain_adam_over_epochs():
    torch.manual_seed(0)
    training = replace(PAPER_TRAINING, network=small, first=12, limit=12, epochs=3, batch=6)
    oracle, losses = Oracle(), []
    attack = BlackBoxAttack(known(oracle=oracle), training, noted=losses.append)
    attack.train(training.steps)
    assert (training.steps, len(losses), oracle.asked) == (6, 6, 12)

    shown = torch.stack(list(itertools.islice(known().public, 12)))
    features = Oracle().query(shown)[0].half().float()
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = small([features.shape[1:]], (3, SIZE, SIZE))
    adam = torch.optim.Adam(network.parameters(), lr=0.1, betas=(0.9, 0.999))
    order = in_epochs(6, torch.Generator().manual_seed(0))
    for got in losses:
        chosen = order(12)
        x, truth = network(features[chosen]), shown[chosen]
        variation = (x.diff(dim=2) ** 2).sum() + (x.diff(dim=3) ** 2).sum()
        loss = (((x - truth) ** 2).sum() + variation / SIZE**2) / len(chosen)
        assert got == pytest.approx(loss.item(), rel=1e-3)
        adam.zero_grad()
        loss.backward()
        adam.step()


def test_an_epoch_holds_every_pair_once():
    order = in_epochs(5, torch.Generator().manual_seed(0))
    first, second = ([order(12) for _ in range(3)] for _ in range(2))
    for epoch in (first, second):
        assert sorted(itertools.chain(*epoch)) == list(range(12))
        assert [len(batch) for batch in epoch] == [4, 4, 4]
    assert first != second


def test_the_papers_figures():
    assert (PAPER_TRAINING.first, PAPER_TRAINING.batch, PAPER_TRAINING.epochs) == (4096, 128, 96)
    assert PAPER_TRAINING.steps == 96 * 32
    for name in ("pixels-black", "decoder-black", "diffusion-black"):
        paper = recipe_of(f"{name}/paper")
        assert paper.training is PAPER_TRAINING
        assert (paper.steps(), paper.steps(1024), recipe_of(name).steps()) == (3072, 768, 1000)
    assert PAPER_TRAINING.sampling_steps == 20


def test_variants_of_the_paper_have_equally_many_parameters(tmp_path):
    box = known(stable(tmp_path))
    features = Oracle().query(pictures(1))
    counts = []
    for name in ("pixels-black", "decoder-black", "diffusion-black"):
        way = recipe_of(f"{name}/paper")
        variable = way.generator(box, 20).start(1, torch.Generator()).shape[1:]
        network = way.training.network([tensor.shape[1:] for tensor in features], variable)
        counts.append(sum(weight.numel() for weight in network.parameters()))
    assert max(counts) / min(counts) < 1.005


def coarse() -> Autoencoder:
    """Latents that are the pictures at a quarter of their side."""
    return Autoencoder(
        lambda shown: F.avg_pool2d(4 * (shown - 0.5), 4),
        lambda z: 0.5 + F.interpolate(z, scale_factor=4, mode="bilinear") / 4,
        LatentScale(torch.tensor(1.0), torch.tensor(0.0)),
        channels=3,
        factor=4,
    )


@pytest.mark.parametrize("loss", [PictureLoss, LatentLoss])
def test_it_learns_what_beats_the_mean_picture(loss):
    attack = BlackBoxAttack(known(), replace(QUICK, loss=loss), Decoder(coarse(), SIZE))
    attack.train(80)
    truth = pictures(16, seed=1)
    mean = torch.stack(list(itertools.islice(known().public, 64))).mean(0)
    assert F.mse_loss(final(attack, truth).pictures, truth) < 0.75 * F.mse_loss(mean.expand_as(truth), truth)


def test_the_loss_falls_through_a_sampler(tmp_path):
    folder = tiny(tmp_path, channels=3)
    prior = Prior(coarse(), lambda: load_denoiser(folder))
    losses = []
    attack = BlackBoxAttack(known(), QUICK, Diffusion(prior, SIZE, steps=2), noted=losses.append)
    attack.train(40)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_a_noisy_latent_is_read_as_the_denoiser_reads_it(tmp_path):
    prior = load_prior(str(tiny(tmp_path)))
    generator = Denoised(prior, SIZE, steps=1, share=0.3)
    noisy = generator.start(2, torch.Generator().manual_seed(0))
    clean = prior.denoiser.predict(noisy, round(0.3 * 999)).clean
    assert generator.passes == 1
    assert torch.allclose(generator.latents(noisy), clean, atol=1e-5)
    assert torch.allclose(generator(noisy), generator.decode(clean), atol=1e-5)


def test_the_network_learns_what_the_last_step_of_a_sampler_needs(tmp_path):
    folder = tiny(tmp_path, channels=3)
    losses = []
    generator = Denoised(Prior(coarse(), lambda: load_denoiser(folder)), SIZE)
    BlackBoxAttack(known(), QUICK, generator, noted=losses.append).train(40)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


@pytest.mark.parametrize(
    ("name", "recipe"),
    [(name, recipe) for name in ("decoder-black", "diffusion-black") for recipe in ATTACKS[name].recipes],
)
def test_every_recipe_runs_and_counts_its_passes(tmp_path, name, recipe):
    box = known(stable(tmp_path))
    terms = RunSettings(Budget(1), training=2, queries=8, sampling_steps=2)
    attack = recipe_of(f"{name}/{recipe}").make(box, terms)
    attack.train(2)
    estimate = final(attack, pictures(3))
    assert estimate.pictures.shape == (3, 3, SIZE, SIZE)
    assert estimate.passes == (2 if name == "diffusion-black" else 0)
    assert box.oracle.asked <= 8


def test_seeds_decide(tmp_path):
    folder = tiny(tmp_path)
    made = []
    for seed in (1, 1, 2):
        box = known(folder)
        attack = BlackBoxAttack(box, QUICK, Decoder(box.prior().autoencoder, SIZE), seed=seed)
        attack.train(6)
        made.append(final(attack, pictures(2)).pictures)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


class Several(nn.Module):
    """Maps, tokens with a class token, and a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = head()

    def forward(self, x):
        maps = self.maps(x)
        tokens = maps.flatten(2).transpose(1, 2)
        return maps, torch.cat([tokens.mean(1, keepdim=True), tokens], 1), maps.mean((2, 3))


def test_several_tensors_and_tokens(tmp_path):
    box = known(tiny(tmp_path), Oracle(Several()))
    attack = BlackBoxAttack(box, QUICK, Decoder(box.prior().autoencoder, SIZE))
    attack.train(2)
    (estimate,) = attack.reconstruct(frames(white_box(Several()), pictures(2)))
    assert estimate.pictures.shape == (2, 3, SIZE, SIZE)


def test_it_trains_while_it_answers(tmp_path):
    box = known(tiny(tmp_path))
    with recipe_of("decoder-black").make(box, RunSettings(Budget(1), training=3)) as attack:
        assert final(attack, pictures(1)).final


def test_queries_are_bounded_where_asked_for():
    oracle = Oracle()
    attack = BlackBoxAttack(
        known(oracle=oracle), replace(InversionTraining(first=16, query=4, every=2), publish=5).limited(24)
    )
    attack.train(40)
    assert oracle.asked == 24


def test_what_has_no_latents_is_not_trained_towards_them(tmp_path):
    with pytest.raises(TypeError, match="Pixels has no latents"):
        latent_loss(Pixels(SIZE))
    autoencoder = load_prior(str(tiny(tmp_path))).autoencoder
    assert isinstance(latent_loss(Decoder(autoencoder, SIZE)), LatentLoss)


def test_a_prior_is_asked_for_when_the_attack_opens(tmp_path):
    for name, folder in (("decoder-black", None), ("diffusion-black", None), ("diffusion-black", flux(tmp_path))):
        box = known(folder) if folder else BlackBox(Oracle(), iter(()), SIZE)
        with pytest.raises(UsageError, match=r"give --prior PATH|has no unet/"):
            recipe_of(name).make(box, RunSettings(Budget(1)))


def test_unknown_recipes_are_refused():
    for name in ATTACKS:
        with pytest.raises(UsageError, match="unknown recipe 'papr'"):
            recipe_of(f"{name}/papr")
