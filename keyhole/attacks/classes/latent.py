"""`latent`: coordinates among public pictures are optimised under a Gaussian prior. It trains nothing.

The baseline of attacks with a trained generator: seconds a picture, and what they must beat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.classes.base import ClassBlind, ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.public_rows import AVERAGED, nth_liked
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, GaussianTerm, Optimiser, SearchObjective
from keyhole.attacks.classes.views import AugmentedViews
from keyhole.generators.latents import Decoder
from keyhole.generators.principal import PrincipalComponents, components_of_latents, components_of_pictures

Start = Callable[[ClassWhiteBox, PrincipalComponents, Wanted, PictureRandom], Tensor]
"""First coordinates, N×K."""


def at_the_best_liked(
    known: ClassWhiteBox, components: PrincipalComponents, wanted: Wanted, _random: PictureRandom
) -> Tensor:
    """The coordinates of the public picture that the classifier takes for the class most; the next one of it for the
    second picture of a class, and so on."""
    places = [nth_liked(known, label, number) for label, number in wanted]
    with torch.no_grad():
        return components.variable(known.public()[places].to(known.device))


def at_means_of_the_liked(
    known: ClassWhiteBox, components: PrincipalComponents, wanted: Wanted, random: PictureRandom
) -> Tensor:
    """The coordinates of the mean of some public pictures: half of the thirty that the classifier takes for the class
    most, another half for each picture. What they have in common is more of the class than any one of them."""
    means = []
    for (label, _), own in zip(wanted, random, strict=True):
        liked = known.best_liked(label, AVERAGED)
        half = liked[torch.randperm(len(liked), generator=own)[: -(-len(liked) // 2)]]
        means.append(known.public()[half].mean(dim=0))
    with torch.no_grad():
        return components.variable(torch.stack(means).to(known.device))


def at_random(_known: ClassWhiteBox, components: PrincipalComponents, _wanted: Wanted, random: PictureRandom) -> Tensor:
    """A draw from the prior."""
    return random.normal(components.count)


def pixels(known: ClassBlind) -> PrincipalComponents:
    """Components of public pictures themselves."""
    return components_of_pictures(known.public, known.device)


def latents(known: ClassBlind) -> PrincipalComponents:
    """Components of the latents that the prior's autoencoder makes of public pictures."""
    return components_of_latents(known.public, Decoder(known.prior().autoencoder, known.size), known.device)


ADAM = Optimiser("adam", 0.05)
VIEWS = AugmentedViews(crop=(0.8, 1.0), flip=0.5)


@dataclass(frozen=True)
class LatentSettings:
    """Hyper-parameters.

    Attributes:
        loss: see `keyhole.attacks.classes.losses.loss_named`.
        prior: λ, weight of half the squared length of the coordinates.
        optimiser: of the coordinates.
        views: that the classifier sees.
        iterations: steps.
    """

    loss: str = "top-k:k=5,p-reg=1"
    prior: float = 0.02
    optimiser: Optimiser = ADAM
    views: AugmentedViews = VIEWS
    iterations: int = 60


SETTINGS = LatentSettings()


@dataclass(frozen=True)
class CoordinatesGenerator:
    """The components as a generator of class pictures.

    Attributes:
        known: the classifier, whose answers choose the start.
        components: make the pictures.
        first: the start.
    """

    known: ClassWhiteBox
    components: PrincipalComponents
    first: Start

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:
        """N×K."""
        return self.first(self.known, self.components, wanted, random)

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W."""
        return self.components(variable)


@dataclass(frozen=True)
class LatentRecipe(SearchRecipe):
    """Optimise coordinates.

    Attributes:
        settings: hyper-parameters.
        components: what the coordinates are of, from what is known.
        start: where they begin.
    """

    settings: LatentSettings = SETTINGS
    components: Callable[[ClassBlind], PrincipalComponents] = pixels
    start: Start = at_means_of_the_liked

    @property
    def uses_prior(self) -> bool:
        """Where the coordinates are of an autoencoder's latents."""
        return self.components is latents

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassSearch:
        """The search, its components fitted."""
        settings = self.settings
        loss = self.ready_loss(known, run)
        terms = (ClassTerm(known.classify, loss, settings.views), GaussianTerm(settings.prior))
        generator = CoordinatesGenerator(known, self.components(known), self.start)
        return ClassSearch(generator, [SearchObjective(terms, settings.optimiser)], run, device=known.device)
