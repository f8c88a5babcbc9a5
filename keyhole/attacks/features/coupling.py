"""The temporal term of several frames (Eq. 10 of the feature-inversion paper): what ties the frames of a clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from keyhole.nn.clip_network import in_clips

CouplingTerm = Callable[[Tensor, Tensor, float], Tensor]
"""One number per picture, from a generator's variables N×…, its pictures N×3×H×W and the share of the budget that is
spent, 0 … 1. Consecutive pictures are the frames of one clip. It serves one optimisation and may remember."""
Coupling = Callable[[int], CouplingTerm]
"""A term for clips of so many frames."""


@dataclass(frozen=True)
class ClipMean:
    """λ_c·‖v_k − v̄‖², v̄ the mean over the frames of a clip: L_c of Eq. 10 as Algorithm 2 writes it.

    The v_k are the latents that the optimiser holds, before they are normalised: Algorithm 2 takes the mean of v_k and
    not of v_{k,n}. Eq. 10 names L_c(v_k, v̄) and the text "simply minimising their l₂ distance"; here it is the square
    that the algorithm has. v̄ is computed anew in every step. The paper does not say whether the gradient flows through
    v̄, and it makes no difference: over a clip the v_k − v̄ add up to nothing. Nor does it say how the v_k start; here
    each starts from noise of its own, as single frames do. It has the term for diffusion alone. For pixels and the
    decoder the variable takes the latent's place.

    Attributes:
        frames: K, of a clip.
        weight: λ_c.
        averaged: over the numbers of v_k, so that one weight serves variables of all sizes; the paper's is the sum.

    >>> import torch
    >>> ClipMean(2, weight=5.0)(torch.tensor([[0.0], [2.0], [7.0], [7.0]]), torch.empty(0), 0.0).tolist()
    [5.0, 5.0, 0.0, 0.0]
    """

    frames: int
    weight: float = 5.0
    averaged: bool = False

    def __call__(self, variable: Tensor, _pictures: Tensor, _progress: float) -> Tensor:
        """One number per picture."""
        clips = in_clips(variable, self.frames)
        squares = (clips - clips.mean(1, keepdim=True)).square().flatten(0, 1).flatten(1)
        return self.weight * (squares.mean(1) if self.averaged else squares.sum(1))
