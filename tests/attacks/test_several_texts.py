"""Several texts on the frames: for each picture the one that explains its features, whatever the truth would choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from keyhole.attacks.base import (
    Access,
    BlackBox,
    Budget,
    Estimate,
    Observation,
    OracleAwayError,
    RunSettings,
    WhiteBox,
)
from keyhole.attacks.features.own_head import feature_distances
from keyhole.attacks.features.several_texts import KeptByOracle
from keyhole.attacks.features.trying_texts import SeveralTexts
from keyhole.attacks.features.white_box import OwnOracle
from keyhole.generators.diffusion import Diffusion
from keyhole.nn.text_tower import TextTower
from keyhole.priors.prior import Prior, load_prior
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box
from tests.priors.tiny_priors import stable

pytest.importorskip("transformers")
TEXTS = ("a red van on a snow field", "a blue bus in fog", "a green hatchback")


class Redness(nn.Module):
    """A head that lets through the red of a picture alone, so that any green and blue explain its features."""

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(inputs[:, :1], 2)


class Shows:
    """An attack that has made its pictures already, in two estimates."""

    def __init__(self, made: Tensor) -> None:
        self.made = made

    def reconstruct(self, observed: Sequence[Observation]) -> Iterator[Estimate]:
        yield Estimate(torch.full_like(self.made, 0.5), 3, 0.5, 9.0, final=False)
        yield Estimate(self.made[: len(observed)], 5, 1.0, 9.0, final=True, passes=7)


def test_the_features_choose_and_not_the_truth() -> None:
    known = white_box(Redness())
    truths = pictures(3, seed=1)
    near_in_truth = (truths + 0.05).clamp(0, 1)  # every colour a little off
    near_in_features = truths.clone()
    near_in_features[:, 1:] = 1 - truths[:, 1:]  # the red is exact, the rest as far off as can be
    assert ((near_in_truth - truths).square().mean() < (near_in_features - truths).square().mean()).all()
    made = {TEXTS[0]: near_in_truth, TEXTS[1]: near_in_features, TEXTS[2]: near_in_truth}
    made[TEXTS[2]] = made[TEXTS[2]].clone()
    made[TEXTS[2]][2, 0] = truths[2, 0]
    made[TEXTS[1]] = made[TEXTS[1]].clone()
    made[TEXTS[1]][2, 0] = 0.0
    attack = SeveralTexts({text: Shows(each) for text, each in made.items()}, known)
    found = list(attack.reconstruct(frames(known, truths)))
    assert [one.final for one in found] == [False, False, False, True]
    last = found[-1]
    assert last.texts == (TEXTS[1], TEXTS[1], TEXTS[2])
    assert torch.equal(last.pictures, torch.stack([near_in_features[0], near_in_features[1], made[TEXTS[2]][2]]))
    assert (last.iteration, last.seconds, last.passes) == (15, 3.0, 21)
    assert last.loss == pytest.approx(float(feature_distances(known, last.pictures, frames(known, truths)).mean()))
    assert found[0].texts == (TEXTS[0],) * 3


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Prior:
    folder: Path = stable(tmp_path_factory.mktemp("told") / "prior")
    torch.manual_seed(0)
    TextTower.fresh(list(TEXTS) * 20, width=8, layers=1, embedding=4, length=12).save(folder)
    return load_prior(str(folder), text=TEXTS[0])


def test_a_white_box_makes_what_it_would_of_the_text_that_it_keeps(prior: Prior) -> None:
    known = replace(white_box(), prior=lambda: prior, public=lambda: iter(pictures(128, seed=9)))
    access = Access(lambda: known, lambda: pytest.fail("no oracle"), lambda: pytest.fail("not blind"))
    observed, recipe = frames(known, pictures(2, seed=3)), recipe_of("diffusion-white/noise")
    run = RunSettings(Budget(3), sampling_steps=2)
    alone: dict[str, Tensor] = {}
    for text in TEXTS[:2]:
        told = prior.telling([text])
        one: WhiteBox = replace(known, prior=lambda told=told: told)
        with recipe.open(replace(access, white=lambda one=one: one), run) as attack:
            alone[text] = list(attack.reconstruct(observed))[-1].pictures
    with recipe.open(access, replace(run, texts=TEXTS[:2])) as attack:
        last = list(attack.reconstruct(observed))[-1]
    distances = torch.stack([feature_distances(known, alone[text], observed) for text in TEXTS[:2]])
    assert last.texts == tuple(TEXTS[best] for best in distances.argmin(0).tolist())
    for picture, text, place in zip(last.pictures, last.texts, range(2), strict=True):
        assert torch.equal(picture, alone[text][place])


def test_a_black_box_asks_the_oracle_which_text_it_keeps(prior: Prior) -> None:
    known = white_box()
    oracle = OwnOracle(known, torch.Generator())
    generator = Diffusion(prior, SIZE, 2)
    variable = generator.start(3, torch.Generator().manual_seed(2))
    with torch.no_grad():
        made = {text: generator.telling([text])(variable).clamp(0, 1) for text in TEXTS}
        chosen = [TEXTS[2], TEXTS[0], TEXTS[1]]
        shown = torch.stack([made[text][place] for place, text in enumerate(chosen)])
        found, texts = KeptByOracle(generator, TEXTS, oracle)(variable, frames(known, shown))
    assert texts == tuple(chosen)
    assert torch.allclose(found, shown, atol=1e-6)

    class Away:
        def query(self, _pictures: Tensor) -> tuple[Tensor, ...]:
            raise OracleAwayError("none today")

    with torch.no_grad():
        kept, texts = KeptByOracle(generator, TEXTS, Away())(variable, frames(known, shown))
    assert texts == (TEXTS[0],) * 3
    assert torch.allclose(kept, made[TEXTS[0]], atol=1e-6)


def test_the_network_is_trained_once_whatever_the_texts(prior: Prior) -> None:
    known = white_box()
    asked = []

    class Counted(OwnOracle):
        def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
            asked.append(len(pictures))
            return super().query(pictures)

    black = BlackBox(
        Counted(known, torch.Generator()),
        iter(()),
        SIZE,
        lambda: prior,
        described=lambda: iter(list(zip(pictures(3), TEXTS, strict=True)) * 10),
    )
    attack = recipe_of("diffusion-black/strong").make(black, RunSettings(Budget(1), queries=3, texts=TEXTS))
    attack.train(1)
    trained = sum(asked)
    (last,) = attack.reconstruct(frames(known, pictures(2, seed=5)))
    assert set(last.texts) <= set(TEXTS)
    assert len(last.texts) == 2
    assert (trained, sum(asked)) == (3, 3 + 2 * len(TEXTS))
