"""The leakage against exact traces, against sampled score functions and against an attacker that meets the bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.distributions import Laplace, Normal

from keyhole.bench.measure.dfil import dfil, psnr_bound
from keyhole.defences import defence_named
from keyhole.partition.plan import Features
from keyhole.targets.target import Preprocess

SIDE = 2
VALUES = 3 * SIDE * SIDE
NORMALISE = Preprocess(SIDE).normalise


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(VALUES, 20)).eval()


def curved(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(16, 9), nn.GELU()).eval()


class Both(nn.Module):
    """Two tensors cross."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = linear(1), curved(2)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(pictures), 5 * self.other(pictures)


def pictures(count: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def precise(head: Callable[[Tensor], Features], given: Tensor, spec: str) -> float:
    """Many probes: each picture 500 times, with probes of its own."""
    found = dfil(head, NORMALISE, given.repeat(500, 1, 1, 1), defence_named(spec), probes=6)
    assert found is not None
    return found


def exact_trace(head: nn.Module, picture: Tensor) -> float:
    rows = jacobian(lambda x: head(NORMALISE(x[None]))[0].flatten(), picture).flatten(1)
    return float((rows @ rows.T).trace())


@pytest.mark.parametrize("head", [linear(), curved()], ids=["linear", "curved"])
@pytest.mark.parametrize(("spec", "per_value"), [("gaussian:absolute=0.5", 4.0), ("laplace:absolute=0.5", 8.0)])
def test_constant_noise_gives_the_exact_trace_over_variance_and_pixels(
    head: nn.Module, spec: str, per_value: float
) -> None:
    """Laplace: 1/b² with b² = σ²/2, here 8."""
    expected = sum(exact_trace(head, picture) for picture in pictures()) / 2 * per_value / VALUES
    assert precise(head, pictures(), spec) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("head", [linear(), curved()], ids=["linear", "curved"])
@pytest.mark.parametrize("noise", ["gaussian", "laplace"])
@pytest.mark.parametrize("strength", ["scale=0.7", "snr=3", "absolute=0.4"])
def test_it_is_the_mean_square_of_the_score_function(head: nn.Module, noise: str, strength: str) -> None:
    """Tr I(x) = E‖∇ₓ log p(y|x)‖², by sampling y; the deviation of ``scale`` and ``snr`` depends on x too."""
    torch.manual_seed(0)
    many = pictures(1).repeat(20_000, 1, 1, 1).requires_grad_()
    features = head(NORMALISE(many))
    deviation = {
        "scale=0.7": 0.7 * features.std(1, correction=0),
        "snr=3": features.square().mean(1).sqrt() / math.sqrt(10**0.3),
        "absolute=0.4": torch.full((len(many),), 0.4),
    }[strength][:, None].expand_as(features)
    density = Normal(features, deviation) if noise == "gaussian" else Laplace(features, deviation / math.sqrt(2))
    density.log_prob(density.sample()).sum().backward()
    assert many.grad is not None
    expected = float(many.grad.flatten(1).square().sum(1).mean()) / VALUES
    assert precise(head, pictures(1), f"{noise}:{strength}") == pytest.approx(expected, rel=0.05)


def test_information_of_several_tensors_adds_up() -> None:
    both, spec = Both().eval(), "gaussian:scale=0.5"
    parts = (both.one, lambda x: both(x)[1])
    together = sum(precise(head, pictures(), spec) for head in parts)
    assert precise(both, pictures(), spec) == pytest.approx(together, rel=0.03)


def test_more_probes_tighten_the_estimate() -> None:
    head, noise, exact = curved(), defence_named("gaussian:absolute=1"), exact_trace(curved(), pictures(1)[0]) / VALUES

    def error(probes: int) -> float:
        found = [dfil(head, NORMALISE, pictures(1), noise, probes=probes, seed=seed) for seed in range(25)]
        return math.sqrt(sum((float(value) - exact) ** 2 for value in found if value is not None) / len(found))

    few, many = error(1), error(64)
    assert 0 < many < few / 4  # in expectation an eighth
    assert many < 0.2 * exact


def test_an_unbiased_attacker_on_an_orthogonal_head_meets_the_bound() -> None:
    """With JᵀJ = c·1 least squares is efficient: its error is the bound itself."""
    torch.manual_seed(0)
    matrix = torch.linalg.qr(torch.randn(20, VALUES)).Q * 3
    found = dfil(lambda x: x.flatten(1) @ matrix.T, lambda x: x, pictures(1), defence_named("gaussian:absolute=0.5"))
    assert found is not None
    truth = pictures(1).flatten(1)
    frames = truth @ matrix.T + 0.5 * torch.randn(20_000, 20)
    error = float((frames @ torch.linalg.pinv(matrix).T - truth).square().mean())
    assert error == pytest.approx(1 / found, rel=0.3)  # 16 probes
    assert psnr_bound(found) == pytest.approx(10 * math.log10(1 / error), abs=1.2)


def test_stronger_noise_leaks_less() -> None:
    found = [dfil(curved(), NORMALISE, pictures(), defence_named(f"gaussian:scale={scale}")) for scale in (0.1, 0.5, 2)]
    assert found == sorted(found, key=lambda value: -float(value or 0))


@pytest.mark.parametrize("spec", ["none", "int8", "dropout:share=0.3", "topk:share=0.1", "gaussian:absolute=0"])
def test_without_noise_of_a_density_there_is_no_figure(spec: str) -> None:
    assert dfil(linear(), NORMALISE, pictures(), defence_named(spec)) is None


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off_and_leaves_the_head_alone(off: Callable[[], AbstractContextManager]) -> None:
    head = curved()
    with off():
        assert dfil(head, NORMALISE, pictures(), defence_named("laplace:scale=1")) is not None
    assert all(parameter.grad is None for parameter in head.parameters())


def test_no_picture_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="0 pictures"):
        dfil(linear(), NORMALISE, pictures(0), defence_named("gaussian:scale=1"))


def test_no_information_bounds_nothing_below_infinity() -> None:
    assert psnr_bound(0.0) == -math.inf
