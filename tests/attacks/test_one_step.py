"""The network that refines its own latent in one step of a flow."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from keyhole.attacks.base import Budget, RunSettings
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.training import LATENT_TRAINING, ONE_STEP_TRAINING
from keyhole.attacks.features.training_losses import LatentLoss, flow_matching
from keyhole.generators.latents import Decoder
from keyhole.nn.unet import OneStepUNet
from tests.attacks.test_latent_black_box import Oracle, coarse, known
from tests.attacks.tiny import SIZE, pictures, recipe_of
from tests.priors.tiny_priors import tiny

SHAPES, LATENT = [(12, 8, 8)], (3, 4, 4)


def small(shapes, variable) -> OneStepUNet:
    return OneStepUNet(shapes, variable, parameters=60_000)


QUICK = replace(
    ONE_STEP_TRAINING, network=small, first=48, query=8, every=4, publish=5, learning_rate=3e-3, averaging=0.95
)


def moved(network: OneStepUNet) -> OneStepUNet:
    """With a velocity that is not zero."""
    torch.manual_seed(1)
    torch.nn.init.normal_(network.flow.last.weight, std=0.1)
    return network.eval()


def test_it_is_one_euler_step_and_starts_as_none():
    torch.manual_seed(0)
    network, features = small(SHAPES, LATENT).eval(), torch.randn(2, 12, 8, 8)
    assert torch.equal(network(features), network.amortised(features))
    moved(network)
    start = network.amortised(features)
    assert start.shape == (2, *LATENT)
    assert torch.equal(network(features), start + network.velocity(start, torch.zeros(2), features))
    assert not torch.allclose(network(features), start)


def test_the_velocity_sees_place_time_and_features():
    torch.manual_seed(0)
    network, features = moved(small(SHAPES, LATENT)), torch.randn(2, 12, 8, 8)
    at, time = torch.randn(2, *LATENT), torch.full((2,), 0.3)
    first = network.velocity(at, time, features)
    for other in ((at + 1, time, features), (at, time + 0.5, features), (at, time, features + 1)):
        assert not torch.allclose(network.velocity(*other), first)


def test_both_networks_standardise_the_features_alone():
    network, features = small(SHAPES, LATENT), 5 + 3 * torch.randn(16, 12, 8, 8)
    network.standardise([features])
    for part in (network, network.flow):
        assert torch.allclose(part.mean[:12], features.mean((0, 2, 3)))
        assert torch.allclose(part.deviation[:12], features.std((0, 2, 3), correction=0))
    assert not network.flow.mean[12:].any()
    assert (network.flow.deviation[12:] == 1).all()


def test_the_loss_is_flow_matching_from_the_networks_own_latent():
    torch.manual_seed(0)
    network, features = moved(small(SHAPES, LATENT)), torch.randn(4, 12, 8, 8)
    truth = torch.randn(4, *LATENT)
    loss = LatentLoss(Decoder(coarse(), SIZE))
    got = flow_matching(network, loss, [features], truth, torch.Generator().manual_seed(3))

    drawn = torch.rand(4, generator=torch.Generator().manual_seed(3))
    first = network.amortised(features)
    for at, time in enumerate((0.0, drawn[1].item(), 0.0, drawn[3].item())):
        z0, z1 = first[at : at + 1], truth[at : at + 1]
        velocity = network.velocity((1 - time) * z0 + time * z1, torch.tensor([time]), features[at : at + 1])
        expected = ((z0 - z1) ** 2).mean() + ((velocity - (z1 - z0)) ** 2).mean()
        assert got[at].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_flow_teaches_the_first_network_nothing():
    network, features = moved(small(SHAPES, LATENT)), torch.randn(4, 12, 8, 8)
    truth = torch.randn(4, *LATENT)
    loss = LatentLoss(Decoder(coarse(), SIZE))
    flow_matching(network, loss, [features], truth, torch.Generator()).sum().backward()
    both = network.last.weight.grad.clone()
    network.zero_grad()
    loss.losses(network.amortised(features), truth).sum().backward()
    assert torch.allclose(both, network.last.weight.grad)


def test_the_step_brings_the_latent_nearer_to_the_truth():
    generator = Decoder(coarse(), SIZE)
    attack = BlackBoxAttack(known(), QUICK, generator)
    attack.train(160)
    truth = torch.cat([pictures(8, seed) for seed in range(4)])
    features = Oracle().query(truth)
    network = attack._newest().network
    with torch.no_grad():
        first, refined = network.amortised(*features), network(*features)
        errors = [(latents - generator.encode(truth)).square().mean() for latents in (first, refined)]
    assert errors[1] < 0.97 * errors[0]


def test_it_is_trained_on_as_much_as_the_others(tmp_path):
    plain, refined = (recipe_of(f"decoder-black/{name}").training for name in ("strong", "one-step"))
    assert replace(refined, network=plain.network, step_loss=plain.step_loss) == plain == LATENT_TRAINING
    oracle = Oracle()
    box = replace(known(tiny(tmp_path), oracle), public=itertools.cycle(pictures(8)))
    attack = recipe_of("decoder-black/one-step").make(box, RunSettings(Budget(1), training=1, queries=4))
    attack.train(1)
    assert oracle.asked == 4
