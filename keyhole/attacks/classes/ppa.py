"""`ppa`: starts are chosen among many draws, moved by the Poincaré loss, and the most robust results kept (Struppek et
al. 2022, "Plug & Play Attacks: Towards Robust and Flexible Model Inversion Attacks", §4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.candidates import Candidates
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.gan_pictures import GanPictures, own_gan
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Optimiser, SearchObjective
from keyhole.attacks.classes.views import CROPPED, AugmentedViews

ROBUST = AugmentedViews(crop=(0.5, 0.9), ratio=(0.8, 1.2), flip=0.5)
"""Crops that a result must survive."""


def falling(progress: float) -> float:
    """The rate falls to a tenth at three fifths of the steps and again at four fifths: at 30 and 40 of 50."""
    return 0.1 ** ((progress >= 0.6) + (progress >= 0.8))


ADAM = Optimiser("adam", 0.02, {"betas": (0.1, 0.1)}, falling)


@dataclass(frozen=True)
class PpaSettings:
    """Hyper-parameters. The paper searches w of a StyleGAN2 of public pictures, at a rate of 0.005; here z of a GAN of
    public pictures, whose numbers deviate by 1, at 0.02.

    Attributes:
        loss: of the class.
        candidates: draws that the starts are chosen from; 2,000 to 5,000 there.
        kept: starts for each picture, of which one result is kept: 200 for 50 there.
        views: that the classifier sees while z moves.
        crops: views that choose the result, 100 there.
        optimiser: of z.
        iterations: steps; 50 there for FaceScrub, 70 for CelebA.
    """

    loss: str = "poincare"
    candidates: int = 2000
    kept: int = 4
    views: AugmentedViews = CROPPED
    crops: int = 100
    optimiser: Optimiser = ADAM
    iterations: int = 50


SETTINGS = PpaSettings()


@dataclass(frozen=True)
class Ppa:
    """The attack, ready. Each picture has starts of its own and keeps the best of their results, where the paper keeps
    the best of a class, so that a picture does not depend on how many are asked for.

    Attributes:
        known: the classifier.
        search: of z.
        candidates: for the starts.
        settings: hyper-parameters.
        seed: of the run.
    """

    known: ClassWhiteBox
    search: ClassSearch
    candidates: Candidates
    settings: PpaSettings
    seed: int

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        kept = self.settings.kept
        many = Wanted(
            wanted.labels.repeat_interleave(kept),
            (wanted.numbers[:, None] * kept + torch.arange(kept)).flatten(),
        )
        for found in self.search.optimise(many, self.candidates.best(many)):
            estimate = found.estimate
            chosen = self.robust(estimate.pictures, many) if estimate.final else found.losses
            place = chosen.view(-1, kept).argmin(dim=1) + kept * torch.arange(len(wanted))
            yield replace(estimate, pictures=estimate.pictures[place])

    @torch.no_grad()
    def robust(self, pictures: Tensor, wanted: Wanted) -> Tensor:
        """Minus the mean probability of the class over random crops, N values."""
        random, labels = PictureRandom(wanted, self.seed, "robust"), wanted.labels
        total = torch.zeros(len(wanted))
        for _ in range(self.settings.crops):
            (view,) = ROBUST(pictures, random)
            chances = self.known.classify(view.to(self.known.device)).logits.softmax(dim=1).cpu()
            total += chances.gather(1, labels[:, None]).squeeze(1)
        return -total / self.settings.crops


@dataclass(frozen=True)
class PpaRecipe(SearchRecipe):
    """PPA through a GAN of public pictures.

    Attributes:
        settings: hyper-parameters.
    """

    settings: PpaSettings = SETTINGS

    @property
    def generator(self) -> str:
        """A pair of public pictures."""
        return "gan"

    def make(self, known: ClassWhiteBox, run: ClassRun) -> Ppa:
        """The attack."""
        settings, gan = self.settings, own_gan(known, self.generator)
        loss = self.ready_loss(known, run)
        objective = SearchObjective([ClassTerm(known.classify, loss, settings.views)], settings.optimiser)
        search = ClassSearch(GanPictures(gan), [objective], run, device=known.device)
        return Ppa(known, search, Candidates(known, gan, settings.candidates, run.seed), settings, run.seed)
