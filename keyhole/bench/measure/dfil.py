"""Diagonal Fisher information leakage: what the noise of a defence forbids, whoever attacks without a prior.

Maeng, Guo, Kariyappa, Suh, *Bounding the Invertibility of Privacy-preserving Instance Encoding using Fisher
Information* (NeurIPS 2023): dFIL(x) = Tr(I(x)) / d for a picture x of d values and the Fisher information I of the
noisy features about it. By the Cramér-Rao inequality the mean squared error of any unbiased attacker is at least
1/dFIL.

What it does not say: every attacker with a prior is biased and may do better, and all strong attacks of this
repository are. (The authors' bound for biased attackers adds the Fisher information of the pictures' own distribution,
which nobody knows.) So it stands beside the attacks, never in their place. It also asks for a smooth head: at the
kinks of ReLU and max-pooling the derivative is the one that autograd chooses. A codec after the noise can only take
information away, so the bound holds behind it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from keyhole.defences.base import Defence
from keyhole.defences.noise import AdditiveNoise, Gaussian, Laplace
from keyhole.partition.plan import Features
from keyhole.partition.protected_head import features_of


@dataclass(frozen=True)
class Information:
    """Fisher information of one noisy value of standard deviation 1.

    Attributes:
        place: about its mean.
        spread: about the logarithm of its deviation.
    """

    place: float
    spread: float


NOISES: Mapping[type[AdditiveNoise], Information] = MappingProxyType(
    {Gaussian: Information(place=1.0, spread=2.0), Laplace: Information(place=2.0, spread=1.0)}
)
"""Normal of deviation σ: 1/σ² about the mean, 2 about log σ. Laplace of parameter b = σ/√2: 1/b² = 2/σ² and 1."""


def dfil(
    head: Callable[[Tensor], Features],
    preprocess: Callable[[Tensor], Tensor],
    pictures: Tensor,
    defence: Defence,
    *,
    probes: int = 16,
    seed: int = 0,
) -> float | None:
    """Diagonal Fisher information leakage of ``head`` under a defence's noise, mean over pictures.

    For features h(x) of n values with independent noise of deviation σ(x) the trace of the information is
    a·Tr(JᵀJ)/σ² + n·b·‖∇ log σ‖², summed over the tensors that cross, a and b from `NOISES`: for normal noise of
    constant σ the paper's Tr(JᵀJ)/σ². The second term is there because ``scale`` and ``snr`` make the noise's deviation
    depend on the picture. Tr(JᵀJ) = E‖Jᵀv‖² over random signs v (Hutchinson), by vector-Jacobian products.

    The mean of dFIL is on the safe side: 1/mean is at most the mean of the bounds 1/dFIL.

    Args:
        head: N×3×H×W, preprocessed, to features; each picture by itself (a model in eval mode).
        preprocess: differentiable, from pictures to the head's input (`Preprocess.normalise`).
        pictures: N×3×H×W in [0, 1], at least one; 1/dFIL is a squared error in these units.
        defence: the edge's.
        probes: random vectors for each picture; the standard error shrinks with their square root.
        seed: of the probes.

    Returns:
        None where the defence adds no noise of a known density, or noise of deviation 0.

    Raises:
        ValueError: no picture, or no probe.
    """
    if len(pictures) == 0 or probes < 1:
        raise ValueError(f"dFIL of {len(pictures)} pictures with {probes} probes: expected at least one of each")
    information = NOISES.get(type(defence)) if isinstance(defence, AdditiveNoise) else None
    if not isinstance(defence, AdditiveNoise) or information is None:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        given = pictures.detach().clone().requires_grad_()
        features = features_of(head, preprocess, given)
        deviations = [defence.deviation(tensor) for tensor in features]
        if any(bool((deviation == 0).any()) for deviation in deviations):
            return None
        trace = information.spread * _spread(given, features, deviations)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(probes):
            trace = trace + information.place * _probe(given, features, deviations, generator) / probes
    return float(trace.double().mean()) / math.prod(pictures.shape[1:])


def psnr_bound(leakage: float) -> float:
    """The highest PSNR of an unbiased attacker in dB, 10·log10(dFIL): its mean squared error is 1/dFIL at least.

    >>> psnr_bound(100.0)
    20.0
    """
    return 10 * math.log10(leakage) if leakage else -math.inf


def _probe(given: Tensor, features: tuple[Tensor, ...], deviations: list[Tensor], generator: torch.Generator) -> Tensor:
    """One estimate of Σ Tr(JᵀJ)/σ² over the tensors, for each picture; their probes are independent."""
    signs = [torch.randint(0, 2, tensor.shape, generator=generator) * 2.0 - 1 for tensor in features]
    weighed = sum(
        ((tensor * sign).flatten(1).sum(1) / deviation.detach()).sum()
        for tensor, sign, deviation in zip(features, signs, deviations, strict=True)
    )
    return _squared_gradient(torch.as_tensor(weighed), given)


def _spread(given: Tensor, features: tuple[Tensor, ...], deviations: list[Tensor]) -> Tensor:
    """Σ n·‖∇ log σ‖² over the tensors, for each picture; exact."""
    total = torch.zeros(len(given))
    for tensor, deviation in zip(features, deviations, strict=True):
        if deviation.requires_grad:
            total = total + tensor[0].numel() * _squared_gradient(deviation.log().sum(), given)
    return total


def _squared_gradient(value: Tensor, given: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(value, given, retain_graph=True)
    return gradient.flatten(1).square().sum(1)
