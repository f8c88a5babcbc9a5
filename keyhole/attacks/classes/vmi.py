"""`vmi`: a normalising flow of each class over z, between the class and the prior (Wang et al. 2021, "Variational Model
Inversion Attacks", Eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.distribution import DistributionSearch
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Moment, Optimiser, SearchObjective
from keyhole.nn.flow import AdditiveFlows
from keyhole.priors.gan import TrainedGan

ADAM = Optimiser("adam", 0.005)


@dataclass(frozen=True)
class VmiSettings:
    """Hyper-parameters. The code has a Glow of 3 × 10 steps over w of a StyleGAN2 by layer, SGD at 1e-4 and 4,500 steps
    of 16 draws, about an hour a person on a GPU; here a smaller flow over z of a GAN, and one draw a step.

    Attributes:
        loss: of the class.
        weight: of the divergence from the prior.
        layers: couplings of the flow.
        hidden: numbers in the middle of each.
        optimiser: of the flow's weights.
        iterations: steps.
    """

    loss: str = "ce"
    weight: float = 1e-3
    layers: int = 4
    hidden: int = 32
    optimiser: Optimiser = ADAM
    iterations: int = 800


SETTINGS = VmiSettings()


@dataclass(frozen=True)
class FlowPictures:
    """G(f(e)), e drawn at each call; the variable is N×P, the flows' weights.

    Attributes:
        gan: makes the pictures.
        flows: of z.
        seed: of the flows' first weights.
    """

    gan: TrainedGan
    flows: AdditiveFlows
    seed: int

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """Weights with which f is the identity, the same for all."""
        return self.flows.start(self.seed).expand(len(wanted), -1).clone()

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W, a draw for each."""
        z, _ = self.flows(variable, random.normal(self.flows.numbers).to(variable))
        pictures: Tensor = self.gan.generator(z)
        return pictures


@dataclass(frozen=True)
class DivergenceTerm:
    """KL(q ‖ N(0, 1)) of the flow's distribution q, by one draw: log q(z) − log p(z), with log q(f(e)) = log p(e) − log
    |det f'(e)|.

    Attributes:
        flows: of z.
        weight: of the divergence.
    """

    flows: AdditiveFlows
    weight: float

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        drawn = moment.random.normal(self.flows.numbers).to(moment.variable)
        z, grown = self.flows(moment.variable, drawn)
        return self.weight * ((z.square() - drawn.square()).sum(dim=1) / 2 - grown)


@dataclass(frozen=True)
class VmiRecipe(SearchRecipe):
    """E CE(T(G(z)), y) + λ KL(q(z) ‖ N(0, 1)), z drawn from a flow of each class; pictures are draws.

    Attributes:
        settings: hyper-parameters.
    """

    settings: VmiSettings = SETTINGS

    @property
    def generator(self) -> str:
        """A pair of public pictures."""
        return "gan"

    @property
    def once_a_class(self) -> bool:
        """Pictures are draws from one distribution."""
        return True

    def make(self, known: ClassWhiteBox, run: ClassRun) -> DistributionSearch:
        """The search."""
        settings, gan = self.settings, own_gan(known, self.generator)
        flows = AdditiveFlows(gan.latent, settings.layers, settings.hidden)
        loss = self.ready_loss(known, run)
        terms = (ClassTerm(known.classify, loss), DivergenceTerm(flows, settings.weight))
        return DistributionSearch(
            ClassSearch(
                FlowPictures(gan, flows, run.seed),
                [SearchObjective(terms, settings.optimiser)],
                run,
                device=known.device,
            )
        )
