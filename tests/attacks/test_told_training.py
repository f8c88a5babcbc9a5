"""A black box that is told texts: Eq. 12 against an independent computation, and each query with its own text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from keyhole.attacks.base import BlackBox, Budget, RunSettings
from keyhole.attacks.features.told_training import ToldLoss
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import NOISE_TRAINING, PAPER_TRAINING
from keyhole.attacks.features.white_box import OwnOracle
from keyhole.attacks.registry import ATTACKS
from keyhole.generators.diffusion import Diffusion
from keyhole.nn.text_tower import TextTower
from keyhole.priors.prior import Prior, load_prior
from tests.attacks.tiny import SIZE, frames, pictures, recipe_of, white_box
from tests.priors.tiny_priors import stable

pytest.importorskip("transformers")
TEXTS = ("a red van on a snow field", "a blue bus in fog", "a green hatchback")
STEPS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = stable(tmp_path_factory.mktemp("told") / "prior")
    torch.manual_seed(0)
    TextTower.fresh(list(TEXTS) * 20, width=8, layers=1, embedding=4, length=12).save(folder)
    return folder


@pytest.fixture(scope="module")
def prior(folder: Path) -> Prior:
    return load_prior(str(folder), text=TEXTS[0])


def squares(values: np.ndarray) -> float:
    return float((values**2).sum())


def equation_12(prior: Prior, variable: Tensor, text: str, picture: Tensor) -> float:
    """One query's share of Eq. 12 with λ_s = 1, λ_txt = 3 and Eq. 8 as printed, in numpy but for the networks."""
    numbers = variable.double().numpy()
    noise = (numbers - numbers.mean()) / numbers.std(ddof=1)
    denoiser, encode = prior.denoiser, prior.denoiser.encode
    assert encode is not None
    latent, alphas = noise, denoiser.schedule.alphas_cumprod.double().numpy()
    for step in denoiser.schedule.steps(STEPS):
        at = float(alphas[step.timestep])
        given = torch.tensor(latent).float()[None]
        found = denoiser.predict_noise(given, step.timestep, encode([text]))[0].double().numpy()
        clean = (latent - np.sqrt(1 - at) * found) / np.sqrt(at)
        before = float(step.previous)
        latent = np.sqrt(before) * clean + np.sqrt(1 - before) * found
    made = prior.autoencoder.decode(torch.tensor(latent).float()[None])[0].double().numpy()
    height, width = made.shape[-2:]
    variation = squares(np.diff(made, axis=-1)) + squares(np.diff(made, axis=-2))
    printed = -np.mean(np.log(np.cosh(noise) ** 2))
    return squares(made - picture.double().numpy()) + variation / (height * width) + 3 * float(printed)


@torch.no_grad()
def test_the_loss_is_that_of_equation_12(prior: Prior) -> None:
    recipe = ATTACKS["diffusion-black"].recipes["paper"]
    assert isinstance(recipe, TrainedRecipe)
    generator = Diffusion(prior, SIZE, STEPS)
    loss = ToldLoss(recipe.training.loss, generator, recipe.told)
    variable, shown = generator.start(3, torch.Generator().manual_seed(1)) * 2 + 0.5, pictures(3)
    found = loss.of(TEXTS).losses(variable, loss.target(shown))
    expected = [equation_12(prior, *each) for each in zip(variable, TEXTS, shown, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    others = loss.of(TEXTS[1:] + TEXTS[:1]).losses(variable, loss.target(shown))
    assert not torch.allclose(found, others, rtol=1e-4)


def told_in_training(prior: Prior, recipe: TrainedRecipe) -> tuple[list[set[bytes]], dict[bytes, str]]:
    """Embeddings that the U-Net gets in each pass of a training, and the text that each is of."""
    encode = prior.denoiser.encode
    assert encode is not None
    texts = {encode([text])[0].numpy().tobytes(): text for text in TEXTS}
    seen: list[set[bytes]] = []
    hook = prior.denoiser.network.register_forward_pre_hook(
        lambda _module, _args, given: seen.append({row.numpy().tobytes() for row in given["encoder_hidden_states"]}),
        with_kwargs=True,
    )
    known = white_box()
    oracle = OwnOracle(known, torch.Generator().manual_seed(0))

    def described() -> Iterator[tuple[Tensor, str]]:
        return cycle(zip(pictures(3), TEXTS, strict=True))

    black = BlackBox(oracle, iter(()), SIZE, lambda: prior, described=described)
    attack = recipe.make(black, RunSettings(Budget(1), sampling_steps=1, queries=3))
    try:
        attack.train(4)
        seen.append(set())
        (last,) = attack.reconstruct(frames(known, pictures(1, seed=5)))
        assert last.final
    finally:
        hook.remove()
    return seen, texts


@pytest.mark.parametrize("training", [NOISE_TRAINING, PAPER_TRAINING], ids=["noise", "paper"])
def test_each_query_is_told_its_own_text_and_a_frame_the_attackers(prior: Prior, training: object) -> None:
    name = "noise" if training is NOISE_TRAINING else "paper"
    recipe = recipe_of(f"diffusion-black/{name}")
    assert isinstance(recipe, TrainedRecipe)
    quick = replace(recipe, training=replace(recipe.training, batch=3, first=3))
    seen, texts = told_in_training(prior, quick)
    place = seen.index(set())
    assert {texts[each] for each in set().union(*seen[:place])} == set(TEXTS)
    assert [{texts[each] for each in after} for after in seen[place + 1 :]] == [{TEXTS[0]}]


def test_which_text_goes_with_which_picture(prior: Prior) -> None:
    """The learner's batches: the texts of the very pairs that were drawn."""
    asked: list[tuple[tuple[str, ...], Tensor]] = []
    recipe = recipe_of("diffusion-black/strong")
    assert isinstance(recipe, TrainedRecipe)
    shown = pictures(3)
    generator = recipe.generator(BlackBox(OwnOracle(white_box(), torch.Generator()), iter(()), SIZE, lambda: prior), 1)
    encoded = dict(zip(TEXTS, recipe.training.loss(generator).target(shown), strict=True))

    class Noted(ToldLoss):
        def of(self, texts):
            asked.append((tuple(texts), torch.empty(0)))
            return super().of(texts)

        def losses(self, variable, target):
            asked[-1] = asked[-1][0], target.detach().clone()
            return super().losses(variable, target)

    known = white_box()
    black = BlackBox(
        OwnOracle(known, torch.Generator()),
        iter(()),
        SIZE,
        lambda: prior,
        described=lambda: cycle(zip(shown, TEXTS, strict=True)),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("keyhole.attacks.features.trained_recipe.ToldLoss", Noted)
        recipe.make(black, RunSettings(Budget(1), queries=3)).train(3)
    assert len(asked) == 3
    for texts, targets in asked:
        for text, target in zip(texts, targets, strict=True):
            assert torch.allclose(target, encoded[text], atol=2e-2)


def test_without_a_text_captions_are_not_asked_for(folder: Path) -> None:
    plain = load_prior(str(folder))
    known = BlackBox(OwnOracle(white_box(), torch.Generator()), cycle(pictures(2)), SIZE, lambda: plain)
    attack = recipe_of("diffusion-black/strong").make(known, RunSettings(Budget(1)))
    attack.train(1)
    with pytest.raises(ValueError, match="has no text encoder at hand"):
        plain.telling(["a red van"])
