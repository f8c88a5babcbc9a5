"""`brep-mi`: labels alone. z walks to the middle of the class's region, on spheres that grow (Kahla et al. 2022,
"Label-Only Model Inversion Attacks via Boundary Repulsion", Algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassLabels, Wanted
from keyhole.attacks.classes.entry import ClassRun, LabelsClassRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.priors.gan import TrainedGan


@dataclass(frozen=True)
class RepulsionSettings:
    """Hyper-parameters.

    Attributes:
        points: on the sphere of a step.
        radius: of the first sphere.
        growth: of the radius.
        inside: it grows where more than this share of the points are of the class. The paper waits for all; its code
            counts a point inside as 1 and one outside as −1, and asks for a sum above 0.75 of their number: 7/8 inside.
        widest: z is kept within ± this.
        patience: steps without growth after which a picture is done.
        draws: of z for a first point that is taken for the class; a picture that finds none stays at its last draw.
        iterations: steps at most; 100 take about ten seconds a picture on one core. The paper has no such limit.
    """

    points: int = 32
    radius: float = 2.0
    growth: float = 1.3
    inside: float = 0.875
    widest: float = 1.5
    patience: int = 1000
    draws: int = 2000
    iterations: int = 100


SETTINGS = RepulsionSettings()
_TOGETHER = 32


@dataclass(frozen=True)
class Repulsion:
    """The attack, ready.

    Attributes:
        known: the classifier's decisions.
        gan: makes the pictures.
        settings: hyper-parameters.
        run: budget, seed and watch.
    """

    known: ClassLabels
    gan: TrainedGan
    settings: RepulsionSettings
    run: ClassRun

    @torch.no_grad()
    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        settings, watch, budget = self.settings, self.run.watch, self.run.budget
        started = reported = watch.clock()
        random = PictureRandom(wanted, self.run.seed, "walk")
        z, begun = self.first(wanted)
        radius, still = torch.full((len(wanted),), settings.radius), torch.zeros(len(wanted))
        moving = begun.clone()
        for iteration in range(1, budget.iterations + 1):
            active = moving.nonzero().flatten()
            if len(active):
                walked, share = self.step(
                    z[active], wanted.labels[active], radius[active], random.part(active.tolist())
                )
                z[active] = walked
                grown = share > settings.inside
                radius[active] = torch.where(grown, radius[active] * settings.growth, radius[active])
                still[active] = torch.where(grown, 0.0, still[active] + 1)
                moving[active] = still[active] < settings.patience
            loss = -float(radius.mean())
            watch.noted(loss)
            watch.stepped()
            now = watch.clock()
            final = iteration == budget.iterations or not len(active) or now - started >= budget.seconds
            if final or now - reported >= watch.interval:
                pictures = self.gan.generator(z.to(self.known.device)).clamp(0, 1).cpu()
                yield Estimate(pictures, iteration, now - started, loss, final)
                reported = now
            if final:
                return

    def first(self, wanted: Wanted) -> tuple[Tensor, Tensor]:
        """z of a first point of each class, N×latent, and whether it is taken for the class."""
        random = PictureRandom(wanted, self.run.seed, "first")
        z, found = torch.zeros(len(wanted), self.gan.latent), torch.zeros(len(wanted), dtype=torch.bool)
        for _ in range(-(-self.settings.draws // _TOGETHER)):
            sought = (~found).nonzero().flatten()
            if not len(sought):
                break
            drawn = random.part(sought.tolist()).normal(_TOGETHER, self.gan.latent)
            drawn = drawn.clamp(-self.settings.widest, self.settings.widest)
            hit = self.taken_for(drawn, wanted.labels[sought])
            place = torch.where(hit.any(dim=1), hit.float().argmax(dim=1), _TOGETHER - 1)
            z[sought], found[sought] = drawn[torch.arange(len(sought)), place], hit.any(dim=1)
        return z, found

    def step(self, z: Tensor, labels: Tensor, radius: Tensor, random: PictureRandom) -> tuple[Tensor, Tensor]:
        """One step away from the points that are outside, unless it leads outside; and the share of points inside.

        M = mean over the points of Φ · u, u their directions, Φ = 0 inside and −1 outside; z ← z + min(R/3, 3) · M.

        Args:
            z: N×latent, inside.
            labels: N.
            radius: R, N.
            random: of each picture.
        """
        directions = random.normal(self.settings.points, z.shape[1])
        directions = directions / directions.norm(dim=2, keepdim=True)
        inside = self.taken_for(self._kept(z[:, None] + radius[:, None, None] * directions), labels)
        away = ((inside.float() - 1)[:, :, None] * directions).mean(dim=1)
        walked = self._kept(z + (radius / 3).clamp_max(3)[:, None] * away)
        stays = self.taken_for(walked[:, None], labels)
        return torch.where(stays, walked, z), inside.float().mean(dim=1)

    def taken_for(self, z: Tensor, labels: Tensor) -> Tensor:
        """Whether pictures of z, N×M×latent, are taken for the classes N, N×M."""
        rows = torch.split(z.flatten(0, 1).to(self.known.device), 4 * _TOGETHER)
        said = torch.cat([self.known.label(self.gan.generator(row)).cpu() for row in rows])
        return said.view(z.shape[:2]) == labels[:, None]

    def _kept(self, z: Tensor) -> Tensor:
        return z.clamp(-self.settings.widest, self.settings.widest)


@dataclass(frozen=True)
class RepulsionRecipe(LabelsClassRecipe):
    """BREP-MI through a GAN of public pictures. The last point counts.

    Attributes:
        settings: hyper-parameters.
    """

    settings: RepulsionSettings = SETTINGS

    @property
    def iterations(self) -> int:
        """Steps."""
        return self.settings.iterations

    @property
    def generator(self) -> str:
        """A pair of public pictures."""
        return "gan"

    def make(self, known: ClassLabels, run: ClassRun) -> Repulsion:
        """The attack."""
        return Repulsion(known, own_gan(known, self.generator), self.settings, run)
