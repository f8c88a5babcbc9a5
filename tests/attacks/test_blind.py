"""The blind attacker knows the world and shows one picture of whatever it is asked about."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import torch
from torch import Tensor

from keyhole.attacks import FLOOR
from keyhole.attacks.base import (
    Access,
    BlackBox,
    Budget,
    Observation,
    RunSettings,
    WhiteBox,
    no_prior,
)
from keyhole.attacks.blind import RECIPES
from keyhole.attacks.blind_knowledge import REMEMBERED, Blind
from keyhole.attacks.registry import ATTACKS, ONLINE, blind_recipes
from keyhole.priors.prior import Prior, load_prior

SIZE = 32
RUN = RunSettings(Budget(1))


def _public() -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(0)
    for _ in range(REMEMBERED):
        yield torch.rand(3, SIZE, SIZE, generator=random)
    pytest.fail("it looks at no more pictures than it remembers")


def _access(prior: Prior | None = None) -> Access:
    known = Blind(_public, SIZE, (lambda: prior) if prior else no_prior)
    return Access(_white, _black, lambda: known)


def _white() -> WhiteBox:
    pytest.fail("the blind attacker has no head")


def _black() -> BlackBox:
    pytest.fail("the blind attacker has no oracle")


def _shown(recipe: str, access: Access, frames: int = 2, run: RunSettings = RUN) -> Tensor:
    observed = [Observation(str(at), (torch.randn(1, 8, 4, 4),)) for at in range(frames)]
    with RECIPES[recipe].open(access, run) as attack:
        (estimate,) = attack.reconstruct(observed)
    assert estimate.final
    return estimate.pictures


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.stack(list(itertools.islice(_public(), REMEMBERED)))


def test_the_mean_picture_is_that_of_the_public_ones(pictures: Tensor) -> None:
    shown = _shown("mean", _access(), frames=3)
    assert shown.shape == (3, 3, SIZE, SIZE)
    torch.testing.assert_close(shown[2], pictures.mean(dim=0))


def test_the_flat_colour_is_their_mean_colour(pictures: Tensor) -> None:
    shown = _shown("flat", _access())[0]
    torch.testing.assert_close(shown[:, 3, 4], pictures.mean(dim=(0, 2, 3)))
    assert shown.flatten(1).std(dim=1).max() < 1e-6


def test_the_nearest_picture_is_a_public_one_and_no_other_is_nearer(pictures: Tensor) -> None:
    shown = _shown("nearest", _access())[0]
    mean = pictures.mean(dim=0)
    distances = torch.tensor([float((picture - mean).norm()) for picture in pictures])
    torch.testing.assert_close(shown, pictures[int(distances.argmin())])


def test_a_sample_of_the_prior_is_its_own_for_each_seed() -> None:
    access, run = _access(load_prior("streetcam")), RunSettings(Budget(1), sampling_steps=2)
    first = _shown("sample", access, run=run)
    assert first.shape == (2, 3, SIZE, SIZE)
    assert torch.equal(first[0], first[1])
    assert torch.equal(first, _shown("sample", access, run=run))
    assert not torch.equal(first, _shown("sample", access, run=RunSettings(Budget(1), seed=1, sampling_steps=2)))


def test_it_shows_the_same_whatever_the_frame() -> None:
    access = _access()
    for recipe in ("mean", "flat", "nearest"):
        assert torch.equal(_shown(recipe, access), _shown(recipe, access))


def test_online_every_recipe_has_a_rung_and_without_a_prior_the_sample_has_none() -> None:
    recipe = ONLINE[FLOOR].recipes["strong"]
    with ExitStack() as stack:
        rungs = recipe.rungs(
            _access(load_prior("streetcam")), lambda _: RunSettings(Budget(1), sampling_steps=1), stack
        )
        assert [rung.name for rung in rungs] == list(RECIPES)
        assert {rung.knowledge for rung in rungs} == {"blind"}
        assert [rung.name for rung in recipe.rungs(_access(), lambda _: RUN, stack)] == ["mean", "nearest", "flat"]


def test_it_is_no_attack_on_frames() -> None:
    assert FLOOR not in ATTACKS
    assert [choice.spelled for choice in blind_recipes()] == [f"{FLOOR}/{recipe}" for recipe in RECIPES]
