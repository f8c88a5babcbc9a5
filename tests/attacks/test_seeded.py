"""The white box that optimises pixels first, then the latent of their picture."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from keyhole.attacks.base import Budget, RunSettings, Watch
from keyhole.attacks.features.objective import LATENT, SEED
from keyhole.attacks.features.seeded import SeededRecipe
from keyhole.generators.pixels import SpectralPixels
from keyhole.metrics import psnr
from tests.attacks.test_refined import decoder, known
from tests.attacks.tiny import frames, pictures, recipe_of
from tests.priors.tiny_priors import tiny

WAY = SeededRecipe(
    replace(SEED, iterations=30), lambda box: SpectralPixels(box.size), replace(LATENT, iterations=10), decoder
)


def run(way, box, truth, budget):
    return list(way.make(box, RunSettings(budget, watch=Watch(0.0))).reconstruct(frames(box, truth)))


def test_the_latent_goes_on_where_the_pixels_end():
    box, truth = known(), pictures(3, seed=1)
    estimates = run(WAY, box, truth, Budget(WAY.iterations))
    assert [one.iteration for one in estimates] == list(range(1, 41))
    assert [one.final for one in estimates] == [False] * 39 + [True]
    assert all(earlier.seconds <= later.seconds for earlier, later in itertools.pairwise(estimates))
    generator = decoder(box)
    with torch.no_grad():
        projected = generator.decode(generator.encode(estimates[29].pictures)).clamp(0, 1)
    first = psnr(estimates[30].pictures, projected).mean()
    assert first > psnr(estimates[-1].pictures, projected).mean()
    assert estimates[-1].loss < estimates[30].loss


@pytest.mark.parametrize(("iterations", "pixels"), [(4, 3), (8, 6), (100, 30)])
def test_a_budget_is_shared_as_the_recipes_share_theirs(iterations, pixels):
    box, truth = known(), pictures(1, seed=1)
    made = WAY.make(box, RunSettings(Budget(iterations), watch=Watch(0.0)))
    watched: list[float] = []
    made = replace(made, pixels=replace(made.pixels, watch=Watch(0.0, noted=watched.append)))
    *_, last = made.reconstruct(frames(box, truth))
    assert (len(watched), last.iteration) == (pixels, min(iterations, WAY.iterations))


def test_both_end_with_the_clock():
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5
        return now[0]

    box, truth = known(), pictures(1, seed=1)
    made = WAY.make(box, RunSettings(Budget(1000, seconds=6.0), watch=Watch(0.0, clock=clock)))
    estimates = list(made.reconstruct(frames(box, truth)))
    assert estimates[-1].final
    assert 2 <= len(estimates) < 20
    assert now[0] < 12


def test_the_diffusion_model_is_passed_in_the_second_part_alone(tmp_path):
    box, truth = known(tiny(tmp_path, channels=3)), pictures(1, seed=1)
    *_, last = run(replace(WAY, denoised=True), box, truth, Budget(20))
    assert (last.iteration, last.passes) == (20, 5)
    assert recipe_of("diffusion-white").steps() == SEED.iterations + LATENT.iterations
