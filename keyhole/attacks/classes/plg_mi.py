"""`plg-mi`: z of a GAN that is conditional on the class, trained on pseudo-labels (Yuan et al. 2023, "Pseudo
Label-Guided Model Inversion Attack via Conditional Generative Adversarial Network", Eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import ConditionalPictures, own_gan
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Optimiser, SearchObjective
from keyhole.attacks.classes.views import PLG, AugmentedViews

ADAM = Optimiser("adam", 0.1)


@dataclass(frozen=True)
class PlgSettings:
    """Hyper-parameters of PLG-MI's code.

    Attributes:
        loss: of the class.
        views: that the classifier sees; the loss is summed over them.
        optimiser: of z.
        iterations: steps.
    """

    loss: str = "max-margin"
    views: AugmentedViews = PLG
    optimiser: Optimiser = ADAM
    iterations: int = 600


@dataclass(frozen=True)
class PlgRecipe(SearchRecipe):
    """−l_y + max over j ≠ y of l_j of two views of G(z, y), from a random z; no selection among results.

    Attributes:
        settings: hyper-parameters.
    """

    settings: PlgSettings = PlgSettings()

    @property
    def generator(self) -> str:
        """A trained pair."""
        return "cgan"

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassSearch:
        """The search."""
        settings = self.settings
        loss = self.ready_loss(known, run)
        term = ClassTerm(known.classify, loss, settings.views, weight=settings.views.count)
        objective = SearchObjective([term], settings.optimiser)
        return ClassSearch(ConditionalPictures(own_gan(known, self.generator)), [objective], run, device=known.device)
