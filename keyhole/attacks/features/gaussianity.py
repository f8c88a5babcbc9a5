"""Gaussianity of the noise before a sampler, for attacks that tell it a text (§4.1 of the feature-inversion paper)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.generators.diffusion import normalised

_GAUSSIAN = 0.37456720749
"""E log cosh ν of a standard normal ν."""

Gaussianity = Callable[[Tensor], Tensor]
"""One number per picture, from v_n, of mean 0 and variance 1 over each picture's numbers."""


def log_cosh(values: Tensor) -> Tensor:
    """log cosh of each value, without overflow."""
    size = values.abs()
    return size + torch.log1p(torch.exp(-2 * size)) - math.log(2)


def printed_negentropy(variable: Tensor) -> Tensor:
    """L_txt of Eq. 8 as it is printed, with α = 1: −E[log cosh² v_n], one number per picture.

    It is no negentropy. At unit variance it is −0.749 for a Gaussian, −0.803 for a uniform distribution and −0.868 for
    values of ±1, so that whoever minimises it drives the noise *away* from the Gaussian, towards two values.

    Args:
        variable: v_n, N×….
    """
    return -2 * log_cosh(variable).flatten(1).mean(1)


def negentropy(variable: Tensor) -> Tensor:
    """(E G(v_n) − E G(ν))² with G = log cosh and ν standard normal, one number per picture.

    Hyvärinen & Oja 2000, "Independent component analysis", Eq. 25, to which Eq. 8 refers: 0 for a Gaussian and more for
    all others whose E G differs.

    Args:
        variable: v_n, N×….
    """
    return (log_cosh(variable).flatten(1).mean(1) - _GAUSSIAN).square()


@dataclass(frozen=True)
class TextPrior:
    """λ_txt·L_txt(v_n) of Eq. 9 and 12.

    Attributes:
        measure: L_txt.
        weight: λ_txt; the paper takes 10 in the white box (§6.5) and 3 in the black box (§7.4).
    """

    measure: Gaussianity
    weight: float = 10.0
    passes: ClassVar[int] = 0

    def __call__(self, variable: Tensor, progress: float, random: torch.Generator) -> Tensor:  # noqa: ARG002
        """See `Regulariser`; it is the same at every step."""
        return self.losses(variable)

    def losses(self, variable: Tensor) -> Tensor:
        """One number per picture, from v, N×…."""
        return self.weight * self.measure(normalised(variable))
