"""Run one attack on pictures whose features are computed here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from torch import Tensor

from adversary.attacks.attack import Budget, Estimate, Observation
from adversary.attacks.black_box import Inverter
from adversary.attacks.refined import OwnOracle
from adversary.attacks.watch import Watch
from adversary.attacks.ways import Terms
from adversary.device import device_named
from adversary.evaluation.trial import Trial
from adversary.knowledge import BlackBox, Lab, WhiteBox
from adversary.priors.prior import load_prior
from adversary.public import public_pictures
from keyhole.defences import UNPROTECTED, Defence, defence_named, randomness
from keyhole.partition import Partition
from keyhole.targets import Target


@dataclass(frozen=True)
class Offline:
    """An attack on one cut.

    Attributes:
        trial: which attack, and how.
        target: the whole model.
        partition: the model, cut.
        stepped: called after every step of an optimiser.
        noted: called with the loss of every step.
    """

    trial: Trial
    target: Target
    partition: Partition
    stepped: Callable[[], object]
    noted: Callable[[float], object] = lambda _: None

    def reconstruct(self, batches: Sequence[Tensor]) -> Iterator[Estimate]:
        """The final estimate of each batch of pictures N×3×size×size, in order.

        Raises:
            UsageError: no such prior, defence or device.
        """
        trial, settings = self.trial, self.trial.settings
        terms = Terms(
            Budget(trial.steps),
            trial.choice.recipe,
            trial.seed,
            Watch(math.inf, self.stepped, self.noted),
            settings.threads,
            trial.steps if trial.choice.kind.learns else trial.training_steps,
            settings.sampling_steps,
            settings.queries,
            settings.patience,
        )
        with trial.choice.kind.open(self._lab, terms) as attack:
            if isinstance(attack, Inverter):
                attack.wait()
            victim = self._oracle("edge", self._defence)
            for pictures in batches:
                *_, last = attack.reconstruct(_frames(victim.query(pictures)))
                yield last

    @property
    def _lab(self) -> Lab:
        settings, device = self.trial.settings, device_named(self.trial.settings.device)
        prior = cache(partial(load_prior, settings.prior, device=device))
        public = partial(public_pictures, settings.public, self.target.preprocess.size, self.trial.seed)
        known = replace(self._white(UNPROTECTED if settings.unaware else self._defence), prior=prior, public=public)
        return Lab(
            lambda: known,
            lambda: BlackBox(self._oracle("oracle", known.defence), public(), known.size, prior, device),
        )

    def _white(self, defence: Defence) -> WhiteBox:
        preprocess, device = self.target.preprocess, device_named(self.trial.settings.device)
        head = self.partition.head.to(device)
        return WhiteBox(head, preprocess.normalise, preprocess.size, defence=defence, device=device)

    @property
    def _defence(self) -> Defence:
        return defence_named(self.trial.settings.defence)

    def _oracle(self, role: str, defence: Defence) -> OwnOracle:
        """Head and defence, of which only the answers are seen."""
        return OwnOracle(self._white(defence), randomness(self.trial.seed, role))


def _frames(features: Sequence[Tensor]) -> list[Observation]:
    """One for each picture of a batch."""
    return [
        Observation(str(index), tuple(tensor[index : index + 1] for tensor in features))
        for index in range(len(features[0]))
    ]
