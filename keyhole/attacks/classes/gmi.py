"""`gmi`: z of a GAN of public pictures is moved until the classifier takes its picture for the class, and the critic
for a real one (Zhang et al. 2020, "The Secret Revealer", Eq. 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import GanPictures, own_gan
from keyhole.attacks.classes.losses import loss_named
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Moment, Optimiser, SearchObjective, Term
from keyhole.priors.gan import TrainedGan

NESTEROV = Optimiser("sgd", 0.02 / 60, {"momentum": 0.9, "nesterov": True})


@dataclass(frozen=True)
class GmiSettings:
    """Hyper-parameters; the paper's 1,500 steps, where codes of later papers take 2,400 or 3,000.

    Attributes:
        loss: of the class.
        weight: λ of the class loss.
        optimiser: of z. The codes' rate, 0.02, is for the mean of the losses of 60 pictures, which moves each by a
            sixtieth; here the losses are added.
        clamp: z is kept within ± this after every step.
        iterations: steps.
    """

    loss: str = "ce"
    weight: float = 100.0
    optimiser: Optimiser = NESTEROV
    clamp: float = 1.0
    iterations: int = 1500


@dataclass(frozen=True)
class CriticTerm:
    """−D(x), the prior loss of Eq. 4.

    Attributes:
        critic: pictures to scores N×1.
    """

    critic: nn.Module

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        scores: Tensor = self.critic(moment.pictures)
        return -scores.squeeze(1)


@dataclass(frozen=True)
class GmiRecipe(SearchRecipe):
    """λ · CE(T(G(z)), y) − D(G(z)), from a random z; no selection among results.

    Attributes:
        settings: hyper-parameters.
    """

    settings: GmiSettings = GmiSettings()

    @property
    def generator(self) -> str:
        """A trained pair."""
        return "gan"

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassSearch:
        """The search."""
        return self.against(known, run, (known,))

    def against(self, known: ClassWhiteBox, run: ClassRun, models: Sequence[ClassWhiteBox]) -> ClassSearch:
        """The search for pictures that several models take for the class."""
        settings, gan = self.settings, own_gan(known, self.generator)
        terms = terms_of(gan, models, run.loss or self.loss, settings.weight, CriticTerm)
        return ClassSearch(
            GanPictures(gan),
            [SearchObjective(terms, settings.optimiser)],
            run,
            projected=lambda z, _: z.clamp(-settings.clamp, settings.clamp),
            device=known.device,
        )


def terms_of(
    gan: TrainedGan, models: Sequence[ClassWhiteBox], loss: str, weight: float, realness: Callable[[nn.Module], Term]
) -> tuple[Term, ...]:
    """What a picture of a pair costs: the class loss of each of several models, whose weights add up to ``weight``, and
    what the pair's critic, for which ``realness`` makes a term, has against it."""
    assert gan.critic is not None
    each = weight / len(models)
    classes = (ClassTerm(model.classify, loss_named(loss).ready(model), weight=each) for model in models)
    return (*classes, realness(gan.critic))
