"""Gaussianity of noise: both measures on three distributions, against integrals, and which attacks a text fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from keyhole.attacks.clip_recipes import CLIP_ATTACKS
from keyhole.attacks.features.gaussianity import TextPrior, log_cosh, negentropy, printed_negentropy
from keyhole.attacks.registry import ATTACKS, ONLINE, choose_all
from keyhole.attacks.told import check_text, needs_captions
from keyhole.service.errors import UsageError


def variables() -> dict[str, torch.Tensor]:
    """Quantiles of a Gaussian, a uniform distribution and values of ±1, of mean 0 and variance 1, twice each."""
    shares = (np.arange(40_000) + 0.5) / 40_000
    middle = shares - 0.5
    made = {"gaussian": stats.norm.ppf(shares), "uniform": math.sqrt(12) * middle, "signs": np.sign(middle)}
    return {name: torch.tensor(values).view(1, 4, 100, 100).expand(2, -1, -1, -1) for name, values in made.items()}


def expectation(name: str) -> float:
    """E log cosh of a distribution of mean 0 and variance 1, by integration."""
    if name == "signs":
        return math.log(math.cosh(1))
    half = 12 if name == "gaussian" else math.sqrt(3)
    density = stats.norm.pdf if name == "gaussian" else (lambda _: 1 / (2 * half))
    return float(integrate.quad(lambda value: density(value) * math.log(math.cosh(value)), -half, half)[0])


def test_eq_8_as_printed_is_least_where_the_noise_is_furthest_from_a_gaussian() -> None:
    found = {name: printed_negentropy(variable) for name, variable in variables().items()}
    for name, values in found.items():
        assert values.tolist() == pytest.approx([-2 * expectation(name)] * 2, abs=1e-3)
    told = {name: round(float(values[0]), 3) for name, values in found.items()}
    assert told == {"gaussian": -0.749, "uniform": -0.803, "signs": -0.868}


def test_ours_is_least_for_a_gaussian() -> None:
    found = {name: float(negentropy(variable)[0]) for name, variable in variables().items()}
    gaussian = expectation("gaussian")
    for name, value in found.items():
        assert value == pytest.approx((expectation(name) - gaussian) ** 2, abs=2e-5)
    assert found["gaussian"] < 1e-6 < found["uniform"] < found["signs"]


def test_minimising_goes_away_from_the_gaussian_as_printed_and_towards_it_by_ours() -> None:
    """Some steps from a mixture: E log cosh is 0.3746 of a Gaussian, and 0.4338 of ±1."""
    reached = {}
    for measure in (printed_negentropy, negentropy):
        generator = torch.Generator().manual_seed(0)
        variable = torch.empty(1, 4000).uniform_(-1, 1, generator=generator).requires_grad_(True)
        term = TextPrior(measure)
        adam = torch.optim.Adam([variable], lr=0.02)
        for _ in range(60):
            adam.zero_grad()
            term(variable, 0.0, generator).sum().backward()
            adam.step()
        unit = (variable - variable.mean()) / variable.std()
        reached[measure] = float(log_cosh(unit.detach()).mean())
    assert reached[printed_negentropy] > 0.42
    assert abs(reached[negentropy] - expectation("gaussian")) < 0.005


def test_the_term_is_of_the_normalised_noise_and_weighs_ten() -> None:
    variable = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    found = TextPrior(negentropy)(5 * variable + 3, 0.5, torch.Generator())
    assert torch.allclose(found, TextPrior(negentropy, weight=1.0)(variable, 0.0, torch.Generator()) * 10, atol=1e-5)
    large = log_cosh(torch.tensor([1000.0, -1000.0, 0.0]))
    assert torch.allclose(large, torch.tensor([1000.0, 1000.0, 0.0]) - math.log(2) * torch.tensor([1.0, 1.0, 0.0]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pixels-white",), "none of --attacks has one: name diffusion-white or diffusion-black"),
        (("diffusion-white", "diffusion-black/clip"), "--text: diffusion-black/clip trains on clips"),
    ],
)
def test_a_text_that_attacks_cannot_use_is_refused(words: tuple[str, ...], message: str) -> None:
    chosen = choose_all(words, "strong", CLIP_ATTACKS)
    with pytest.raises(UsageError, match=message):
        check_text(["a red van"], chosen)
    check_text((), chosen)


def test_those_that_train_through_the_diffusion_model_need_captions() -> None:
    chosen = choose_all(("pixels-white", "diffusion-white", "diffusion-black", "diffusion-ladder"), "strong", ONLINE)
    check_text(["a red van"], chosen)
    with pytest.raises(UsageError, match="--text is empty"):
        check_text([" "], chosen)
    white, black = (
        {f"{name}/{recipe}" for recipe in ATTACKS[name].recipes} for name in ("diffusion-white", "diffusion-black")
    )
    words = {*white, *black, "pixels-black", "decoder-black", "diffusion-ladder"}
    needing = {word for word in words if needs_captions(["a red van"], choose_all((word,), "strong", ONLINE))}
    assert needing == {"diffusion-white/refined", *black}
    assert not needs_captions((), chosen)
    with pytest.raises(UsageError, match="diffusion-ladder takes one text, and 2 are given"):
        check_text(["a red van", "a bus"], chosen)
    with pytest.raises(UsageError, match="says the same twice"):
        check_text(["a red van", "a red van"], chosen)
