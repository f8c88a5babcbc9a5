"""The white box that starts from a learned latent, and stops when the features match no better."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from keyhole.attacks.base import Access, Budget, RunSettings, Watch, WhiteBox
from keyhole.attacks.blind_knowledge import Blind
from keyhole.attacks.features.guided import Guidance, GuidedRecipe
from keyhole.attacks.features.objective import REFINING
from keyhole.attacks.features.refined import RefinedRecipe, _Judged
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import LATENT_TRAINING
from keyhole.attacks.features.white_box import OwnOracle, Plateau, WhiteBoxAttack
from keyhole.generators.latents import Decoder
from keyhole.generators.pixels import SpectralPixels
from keyhole.metrics import psnr
from keyhole.nn.unet import InversionUNet
from keyhole.priors.denoiser import load_denoiser
from keyhole.priors.prior import Prior
from tests.attacks.test_latent_black_box import coarse
from tests.attacks.tiny import SIZE, frames, head, pictures, recipe_of, white_box
from tests.priors.tiny_priors import tiny


def small(shapes, variable) -> InversionUNet:
    return InversionUNet(shapes, variable, parameters=60_000)


TRAINING = replace(LATENT_TRAINING, network=small, first=32, publish=5, learning_rate=3e-3)


def decoder(box, _steps=0) -> Decoder:
    return Decoder(box.prior().autoencoder, box.size)


WAY = RefinedRecipe(TrainedRecipe(TRAINING, decoder), replace(REFINING, iterations=30), decoder)


def public():
    for seed in itertools.count(100):
        yield from pictures(8, seed)


def known(folder=None) -> WhiteBox:
    prior = Prior(coarse(), lambda: load_denoiser(folder))
    return WhiteBox(head(), lambda shown: (shown - 0.5) / 0.25, SIZE, lambda: prior, public)


def run(way, box, truth, training=60):
    seen = frames(box, truth)
    with way.make(box, RunSettings(Budget(way.iterations), watch=Watch(0.0), training=training)) as attack:
        return list(attack.reconstruct(seen))


def _nothing() -> Blind:
    pytest.fail("nobody here is blind")


def test_the_network_is_the_start_and_the_optimiser_goes_on_from_there():
    box, truth = known(), pictures(3, seed=1)
    estimates = run(WAY, box, truth)
    (learned,) = run(replace(WAY, settings=replace(REFINING, iterations=1)), box, truth)[:1]
    assert torch.equal(estimates[0].pictures, learned.pictures)
    assert [one.iteration for one in estimates] == [0, *range(1, 30), 30]
    assert [one.final for one in estimates] == [False] * 30 + [True]
    assert estimates[-1].loss < estimates[0].loss
    assert psnr(estimates[-1].pictures, truth).mean() > psnr(estimates[0].pictures, truth).mean()
    assert {one.passes for one in estimates} == {0}

    untrained = run(WAY, box, truth, training=1)
    assert estimates[0].loss < untrained[0].loss


def test_a_sampler_comes_last_and_its_passes_count(tmp_path):
    way = replace(WAY, last=GuidedRecipe(Guidance(steps=8, recurrences=2, strength=0.5)))
    box = known(tiny(tmp_path, channels=3))
    estimates = run(way, box, pictures(2, seed=1), training=10)
    assert estimates[-1].passes == 4 * 2
    assert estimates[-1].iteration == 30 + 8
    assert estimates[-1].final
    assert [one.iteration for one in estimates] == sorted(one.iteration for one in estimates)


def test_what_matches_worse_is_not_kept():
    ours = _Judged(torch.zeros(2, 3, 4, 4), torch.tensor([0.1, 0.5]))
    theirs = _Judged(torch.ones(2, 3, 4, 4), torch.tensor([0.2, 0.4]))
    best = ours.or_nearer(theirs)
    assert best.pictures.mean((1, 2, 3)).tolist() == [0, 1]
    assert best.distances.tolist() == pytest.approx([0.1, 0.4])


def test_it_trains_beside_the_frames_where_nothing_ends_it():
    box = known()
    seen = frames(box, pictures(1))
    access = Access(lambda: box, lambda: pytest.fail("a white box needs no oracle"), _nothing)
    with WAY.open(access, RunSettings(Budget(2))) as attack:
        *_, last = attack.reconstruct(seen)
    assert last.final


def test_the_same_seed_gives_the_same_pictures():
    box, truth = known(), pictures(1)
    first, again = (run(WAY, box, truth, training=5)[-1].pictures for _ in range(2))
    assert torch.equal(first, again)


def test_its_own_oracle_is_the_head():
    box = known()
    (features,) = OwnOracle(box, torch.Generator()).query(pictures(2))
    assert torch.equal(features, box.head(box.normalise(pictures(2))))


def test_public_pictures_are_asked_for():
    box = replace(known(), public=white_box().public)
    with pytest.raises(ValueError, match="learns from public pictures"):
        recipe_of("decoder-white/refined").make(box, RunSettings(Budget(1)))


def test_a_plateau_is_when_no_picture_gets_nearer():
    plateau = Plateau(2)
    told = [plateau(torch.tensor(pair)) for pair in ([1.0, 1.0], [1.0, 0.5], [0.999, 0.5], [0.5, 0.5], [0.5, 0.6])]
    assert told == [False] * 5
    assert plateau(torch.tensor([0.4999, 0.5]))
    assert not any(Plateau(None)(torch.ones(1)) for _ in range(5))


def test_an_optimiser_stops_when_the_features_match_no_better():
    box = white_box()
    seen = frames(box, pictures(1))
    strong = recipe_of("pixels-white")
    whole = strong.make(box, RunSettings(Budget(400), watch=Watch(1e9)))
    assert isinstance(whole, WhiteBoxAttack)
    assert isinstance(whole.generator, SpectralPixels)
    assert list(whole.reconstruct(seen))[-1].iteration == 400
    patient = strong.make(box, RunSettings(Budget(400), watch=Watch(1e9), patience=3))
    (last,) = patient.reconstruct(seen)
    assert last.final
    assert 3 < last.iteration < 400
