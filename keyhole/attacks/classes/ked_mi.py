"""`ked-mi`: a Gaussian over z is moved, one for each class, through a GAN whose critic knows the classifier
(Chen et al. 2021, "Knowledge-Enriched Distributional Model Inversion Attacks", §3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.distribution import DistributionSearch
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.gmi import terms_of
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, Moment, Optimiser, SearchObjective
from keyhole.priors.gan import TrainedGan

ADAM = Optimiser("adam", 0.02)


@dataclass(frozen=True)
class KedSettings:
    """Hyper-parameters.

    Attributes:
        loss: of the class.
        weight: of the class loss.
        optimiser: of mean and log-variance.
        spread: log-variance at the start; 1 in KED-MI's code, 0 in that of LOMMA and TL-DMI.
        clamp: every draw is kept within ± this, as TL-DMI's code does; KED-MI's clamps the draws that it reports alone.
        iterations: steps.
    """

    loss: str = "ce"
    weight: float = 100.0
    optimiser: Optimiser = ADAM
    spread: float = 0.0
    clamp: float = 1.0
    iterations: int = 2400


@dataclass(frozen=True)
class GaussianPictures:
    """G(z), z drawn from N(μ, exp(s)) at each call; the variable is N×2×latent, μ and s.

    Attributes:
        gan: of kind ``inversion-gan``.
        spread: s at the start; μ starts at 0.
        clamp: of the draws.
    """

    gan: TrainedGan
    spread: float
    clamp: float

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×2×latent, the same for all."""
        one = torch.stack([torch.zeros(self.gan.latent), torch.full((self.gan.latent,), self.spread)])
        return one.expand(len(wanted), -1, -1).clone()

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W, a draw for each."""
        mean, spread = variable.unbind(dim=1)
        z = mean + (spread / 2).exp() * random.normal(self.gan.latent).to(mean)
        pictures: Tensor = self.gan.generator(z.clamp(-self.clamp, self.clamp))
        return pictures


@dataclass(frozen=True)
class RealnessTerm:
    """−log σ(log Σ exp D(x)): the critic of K classes and one of made pictures takes the picture for a real one.

    Attributes:
        critic: pictures to logits N×K.
    """

    critic: nn.Module

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        logits: Tensor = self.critic(moment.pictures)
        return F.softplus(-logits.logsumexp(dim=1))


@dataclass(frozen=True)
class KedRecipe(SearchRecipe):
    """100 · CE(T(G(z)), y) − log σ(log Σ exp D(G(z))) in expectation over z, by one draw a step.

    Attributes:
        settings: hyper-parameters.
    """

    settings: KedSettings = KedSettings()

    @property
    def generator(self) -> str:
        """A trained pair."""
        return "inversion-gan"

    @property
    def once_a_class(self) -> bool:
        """Pictures are draws from one distribution."""
        return True

    def make(self, known: ClassWhiteBox, run: ClassRun) -> DistributionSearch:
        """The search."""
        return self.against(known, run, (known,))

    def against(self, known: ClassWhiteBox, run: ClassRun, models: Sequence[ClassWhiteBox]) -> DistributionSearch:
        """The search for Gaussians whose pictures several models take for the class."""
        settings, gan = self.settings, own_gan(known, self.generator)
        terms = terms_of(gan, models, run.loss or self.loss, settings.weight, RealnessTerm)
        return DistributionSearch(
            ClassSearch(
                GaussianPictures(gan, settings.spread, settings.clamp),
                [SearchObjective(terms, settings.optimiser)],
                run,
                device=known.device,
            )
        )
