"""`mirror/genetic`: confidences alone. Draws of z are bred, the likelier ones more often, within one deviation, as in
the black box of An et al. 2022, "MIRROR: Model Inversion for Deep Learning Network with High Fidelity"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassConfidences, Wanted
from keyhole.attacks.classes.candidates import Candidates
from keyhole.attacks.classes.entry import ClassRun, ConfidencesClassRecipe
from keyhole.attacks.classes.gan_pictures import own_gan
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.priors.gan import TrainedGan


@dataclass(frozen=True)
class GeneticSettings:
    """Hyper-parameters. The paper breeds 1,000 of 100,000 draws for 100 generations; here the classifier is asked
    2,000 times for a picture, which takes six seconds of one core with ResNet-18 at 64 px.

    Attributes:
        candidates: draws that the first generation is chosen from, the same for all classes.
        population: of a picture's generation.
        mutation: share of a child's numbers that are drawn anew.
        widest: deviations about the mean that z is kept within.
        iterations: generations.
    """

    candidates: int = 2000
    population: int = 50
    mutation: float = 0.1
    widest: float = 1.0
    iterations: int = 40


SETTINGS = GeneticSettings()
_TOGETHER = 128


@dataclass(frozen=True)
class Breeding:
    """The attack, ready.

    Attributes:
        known: the classifier's confidences.
        gan: makes the pictures.
        candidates: for the first generation.
        settings: hyper-parameters.
        run: budget, seed and watch.
    """

    known: ClassConfidences
    gan: TrainedGan
    candidates: Candidates
    settings: GeneticSettings
    run: ClassRun

    @torch.no_grad()
    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        watch, budget = self.run.watch, self.run.budget
        started = reported = watch.clock()
        random = PictureRandom(wanted, self.run.seed, "genes")
        z = torch.stack([self.candidates.first(label, self.settings.population) for label in wanted.labels.tolist()])
        confidence = self.confidence(z, wanted.labels)
        for iteration in range(1, budget.iterations + 1):
            z = self.bred(z, confidence, random)
            confidence = self.confidence(z, wanted.labels)
            best, place = confidence.max(dim=1)
            loss = float(1 - best.mean())
            watch.noted(loss)
            watch.stepped()
            now = watch.clock()
            final = iteration == budget.iterations or now - started >= budget.seconds
            if final or now - reported >= watch.interval:
                chosen = z[torch.arange(len(wanted)), place].to(self.known.device)
                yield Estimate(self.gan.generator(chosen).clamp(0, 1).cpu(), iteration, now - started, loss, final)
                reported = now
            if final:
                return

    def bred(self, z: Tensor, confidence: Tensor, random: PictureRandom) -> Tensor:
        """The next generation, as many: the likeliest, then children. A child's parents are drawn in proportion to
        their confidence; each of its numbers is one parent's, in proportion to theirs again, or new.

        Args:
            z: N×P×latent.
            confidence: N×P, of the class.
            random: of each picture.
        """
        settings, (pictures, population, latent) = self.settings, z.shape
        weights = confidence.clamp_min(torch.finfo(confidence.dtype).tiny)
        children = population - 1
        drawn = [
            torch.multinomial(own, 2 * children, replacement=True, generator=generator)
            for own, generator in zip(weights, random, strict=True)
        ]
        parents = torch.stack(drawn).view(pictures, 2, children)
        one, other = (z.gather(1, each[:, :, None].expand(-1, -1, latent)) for each in parents.unbind(dim=1))
        first, second = (weights.gather(1, each)[:, :, None] for each in parents.unbind(dim=1))
        child = torch.where(random.uniform(children, latent) < first / (first + second), one, other)
        fresh = random.normal(children, latent).clamp(-settings.widest, settings.widest)
        child = torch.where(random.uniform(children, latent) < settings.mutation, fresh, child)
        likeliest = z[torch.arange(pictures), confidence.argmax(dim=1)]
        return torch.cat([likeliest[:, None], child], dim=1)

    def confidence(self, z: Tensor, labels: Tensor) -> Tensor:
        """Probabilities of the classes N of pictures of z, N×P×latent, as N×P."""
        rows = torch.split(z.flatten(0, 1), _TOGETHER)
        found = torch.cat([self.known.confide(self.gan.generator(row.to(self.known.device))) for row in rows])
        own = labels.repeat_interleave(z.shape[1])
        return found.gather(1, own[:, None]).view(z.shape[:2])


@dataclass(frozen=True)
class GeneticRecipe(ConfidencesClassRecipe):
    """MIRROR's black box through a GAN of public pictures.

    Attributes:
        settings: hyper-parameters.
    """

    settings: GeneticSettings = SETTINGS

    @property
    def iterations(self) -> int:
        """Generations."""
        return self.settings.iterations

    @property
    def generator(self) -> str:
        """A pair of public pictures."""
        return "gan"

    def make(self, known: ClassConfidences, run: ClassRun) -> Breeding:
        """The attack."""
        settings, gan = self.settings, own_gan(known, self.generator)
        candidates = Candidates(known, gan, settings.candidates, run.seed, settings.widest)
        return Breeding(known, gan, candidates, settings, run)
