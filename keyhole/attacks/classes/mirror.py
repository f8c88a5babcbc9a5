"""`mirror`: z is kept where the generator has seen it, one deviation about its mean (An et al. 2022, "MIRROR: Model
Inversion for Deep Learning Network with High Fidelity", §IV)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.candidates import Candidates
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import GanPictures, own_gan
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Optimiser, SearchObjective

ADAM = Optimiser("adam", 0.02)


@dataclass(frozen=True)
class MirrorSettings:
    """Hyper-parameters. The paper clips w of a StyleGAN in its space P, where w before the last leaky ReLU is about
    Gaussian, to the mean ± 1 deviation, at a rate of 0.005; z of the GAN here is Gaussian itself.

    Attributes:
        loss: of the class.
        candidates: draws that the starts are chosen from.
        widest: deviations about the mean.
        optimiser: of z.
        iterations: steps.
    """

    loss: str = "ce"
    candidates: int = 2000
    widest: float = 1.0
    optimiser: Optimiser = ADAM
    iterations: int = 70


SETTINGS = MirrorSettings()


@dataclass(frozen=True)
class Mirror:
    """The attack, ready: from the best candidates, and each picture at its lowest loss.

    Attributes:
        search: of z.
        candidates: for the starts.
    """

    search: ClassSearch
    candidates: Candidates

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        for found in self.search.optimise(wanted, self.candidates.best(wanted)):
            yield found.estimate


@dataclass(frozen=True)
class MirrorRecipe(SearchRecipe):
    """MIRROR's white box through a GAN of public pictures.

    Attributes:
        settings: hyper-parameters.
    """

    settings: MirrorSettings = SETTINGS

    @property
    def generator(self) -> str:
        """A pair of public pictures."""
        return "gan"

    def make(self, known: ClassWhiteBox, run: ClassRun) -> Mirror:
        """The attack."""
        settings, gan = self.settings, own_gan(known, self.generator)
        loss = self.ready_loss(known, run)
        search = ClassSearch(
            GanPictures(gan),
            [SearchObjective([ClassTerm(known.classify, loss)], settings.optimiser)],
            run,
            projected=lambda z, _: z.clamp(-settings.widest, settings.widest),
            keep_best=True,
            device=known.device,
        )
        return Mirror(search, Candidates(known, gan, settings.candidates, run.seed, settings.widest))
