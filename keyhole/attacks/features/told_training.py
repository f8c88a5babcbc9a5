"""The loss of a black box whose diffusion model is told each query's own text (§5.1, Eq. 12 of the feature-inversion
paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from keyhole.attacks.features.gaussianity import TextPrior
from keyhole.attacks.features.training_losses import TrainingLoss
from keyhole.generators.base import Generator
from keyhole.generators.diffusion import Diffusion


@dataclass(frozen=True)
class ToldLoss:
    """L_re(D(F_u(y_q), e_q), x_q) + λ_s·TV + λ_txt·L_txt(F_u(y_q)) of Eq. 12.

    e_q is the embedding of the query's own text. Of a frame that is attacked later D is told what the attacker says of
    that one; F_u sees no text either way.

    Attributes:
        loss: L_re and the smoothness, from D.
        generator: D.
        term: λ_txt·L_txt; None where the network makes no noise.
    """

    loss: Callable[[Generator], TrainingLoss]
    generator: Diffusion
    term: TextPrior | None = None

    def of(self, texts: Sequence[str]) -> ToldLoss:
        """The loss of queries of these texts, one for each."""
        return replace(self, generator=self.generator.telling(texts))

    @property
    def levels(self) -> bool:
        """See `TrainingLoss`."""
        return self.loss(self.generator).levels

    @property
    def passes(self) -> int:
        """See `TrainingLoss`."""
        return self.generator.passes

    def target(self, pictures: Tensor) -> Tensor:
        """See `TrainingLoss`."""
        return self.loss(self.generator).target(pictures)

    def losses(self, variable: Tensor, target: Tensor) -> Tensor:
        """One number per picture."""
        losses = self.loss(self.generator).losses(variable, target)
        return losses if self.term is None else losses + self.term.losses(variable)
