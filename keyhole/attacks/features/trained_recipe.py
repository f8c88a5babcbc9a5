"""Recipes of the black-box attack: a training, and what its network feeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from keyhole.attacks.base import BlackBox, RunSettings
from keyhole.attacks.entry import BlackBoxRecipe
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.gaussianity import TextPrior
from keyhole.attacks.features.several_texts import KeptByOracle
from keyhole.attacks.features.told_training import ToldLoss
from keyhole.attacks.features.training import InversionTraining
from keyhole.generators.base import Generator
from keyhole.generators.diffusion import Diffusion

TRAINING_STEPS = 1000
"""Steps before the first frame of a training without an end of its own."""


@dataclass(frozen=True)
class TrainedRecipe(BlackBoxRecipe):
    """One recipe of a black-box attack.

    Attributes:
        training: the hyper-parameters.
        generator: what the network feeds, from what is known and the steps of a sampler.
        samples: whether a sampler makes its pictures.
        told: term that is minimised besides where the prior is told texts, of the noise that the network makes.
    """

    training: InversionTraining
    generator: Callable[[BlackBox, int], Generator]
    samples: bool = False
    told: TextPrior | None = None

    @property
    def describes(self) -> bool:
        """See `Recipe`."""
        return self.samples

    def steps(self, queries: int | None = None) -> int:
        """Steps of the training, or ``TRAINING_STEPS`` where it has no end of its own."""
        return self.training.limited(queries).steps or TRAINING_STEPS

    def make(self, known: BlackBox, run: RunSettings) -> BlackBoxAttack:
        """The network and its training; through a diffusion model that is told texts on queries that have one each, and
        always anew."""
        training, described, made = self.training.limited(run.queries), None, None
        generator = self.generator(known, run.sampling_steps or training.sampling_steps)
        if isinstance(generator, Diffusion) and generator.prior.denoiser.encode is not None:
            loss, described = ToldLoss(training.loss, generator, self.told), known.described()
            training = replace(training, loss=lambda _: loss)
            made = KeptByOracle(generator, run.texts, known.oracle) if len(run.texts) > 1 else None
        return BlackBoxAttack(
            known,
            training,
            generator,
            run.seed,
            run.training,
            stepped=run.watch.stepped,
            noted=run.watch.noted,
            threads=run.threads,
            trained=None if described else run.trained(self),
            described=described,
            made=made,
        )
