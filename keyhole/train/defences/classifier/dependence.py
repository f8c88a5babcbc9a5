"""Measures of dependence between two samples by kernels: HSIC, normalised, and COCO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

_RIDGE = 1e-5
_WIDTH = 5.0

Measure = Callable[[Tensor, Tensor], Tensor]
"""Two kernel matrices N×N to a scalar, 0 or more; larger where the samples depend more on each other."""


def gaussian_kernel(samples: Tensor) -> Tensor:
    """exp(−‖a − b‖² / 2σ²) of all pairs, N×N, with σ = 5·√d for samples of d numbers.

    Args:
        samples: N samples of any shape.
    """
    flat = samples.flatten(1).float()
    lengths = flat.square().sum(1)
    squared = (lengths[:, None] + lengths - 2 * flat @ flat.T).clamp_min(0)
    return torch.exp(-squared / (2 * _WIDTH**2 * flat.shape[1]))


def linear_kernel(samples: Tensor) -> Tensor:
    """Inner products of all pairs of N×d samples, N×N."""
    return samples @ samples.T


def hsic(one: Tensor, other: Tensor) -> Tensor:
    """Normalised HSIC, tr(R_one R_other) with R = K (K + ε m I)⁻¹ of a centred kernel matrix K of m samples; ε is 1e-5.

    It is the Hilbert-Schmidt norm of the normalised cross-covariance operator (Fukumizu et al. 2007, "Kernel measures
    of conditional dependence"), as BiDO's code and the HSIC bottleneck take it.
    """
    first, second = (_normalised(_centred(kernel)) for kernel in (one, other))
    total: Tensor = (first * second).sum()
    return total


def coco(one: Tensor, other: Tensor) -> Tensor:
    """√‖K L‖ / m of centred kernel matrices of m samples, with the Frobenius norm.

    COCO (Gretton et al. 2005, "Kernel constrained covariance for dependence measurement") has the largest singular
    value in the norm's place; BiDO's code, and so its weights, have Frobenius'.
    """
    norm: Tensor = torch.linalg.matrix_norm(_centred(one) @ _centred(other))
    return norm.clamp_min(1e-12).sqrt() / len(one)


MEASURES: Mapping[str, Measure] = MappingProxyType({"hsic": hsic, "coco": coco})


def _centred(kernel: Tensor) -> Tensor:
    return kernel - kernel.mean(0, keepdim=True) - kernel.mean(1, keepdim=True) + kernel.mean()


def _normalised(kernel: Tensor) -> Tensor:
    """K (K + ε m I)⁻¹ in double precision: the ridge is as small as single precision's error."""
    exact, count = kernel.double(), len(kernel)
    ridge = _RIDGE * count * torch.eye(count, dtype=exact.dtype, device=exact.device)
    solved: Tensor = torch.linalg.solve(exact + ridge, exact)
    return solved.to(kernel.dtype)
