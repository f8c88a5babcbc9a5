"""Trained generators as the search sees them: z of a picture to the picture."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from keyhole.attacks.classes.base import ClassBlind, Wanted
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.priors.gan import TrainedGan, load_gan


@dataclass(frozen=True)
class GanPictures:
    """G(z). It starts at a draw of z.

    Attributes:
        gan: of kind ``gan`` or ``inversion-gan``.
    """

    gan: TrainedGan

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×latent, standard normal."""
        return random.normal(self.gan.latent)

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W of z, N×latent."""
        pictures: Tensor = self.gan.generator(variable)
        return pictures


@dataclass(frozen=True)
class ConditionalPictures(GanPictures):
    """G(z, y), of kind ``cgan``. It starts at a draw of z."""

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W of z, N×latent, and classes N."""
        pictures: Tensor = self.gan.generator(variable, labels)
        return pictures


def own_gan(known: ClassBlind, *kinds: str) -> TrainedGan:
    """The attacker's own trained pair of the first kind; one of the others will do.

    Raises:
        UsageError: none of its own, one of another kind, one that makes pictures of another size, or for another
            number of classes.
    """
    folder = known.generators(kinds[0])
    gan = load_gan(folder, *kinds, device=known.device)
    gan.card.check_fits(known.classes, known.size, folder)
    return gan
