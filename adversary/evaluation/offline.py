"""Run one attack on pictures whose features are computed here."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from adversary.attacks.attack import Budget, Estimate, Observation
from adversary.attacks.kinds import Terms
from adversary.attacks.registry import attack_named
from adversary.knowledge import BlackBox, Lab, WhiteBox
from adversary.priors.prior import load_prior
from adversary.public import public_pictures
from adversary.settings import AttackSettings
from keyhole.defences import UNPROTECTED, Defence, SeveralFrames, defence_named, randomness
from keyhole.partition import Partition, as_tuple
from keyhole.targets import Target
from keyhole.wire.passage import carried


@dataclass(frozen=True)
class LocalOracle:
    """Head, defence and codec, as an oracle of which only the answers are seen."""

    target: Target
    partition: Partition
    defence: Defence
    generator: torch.Generator
    codec: str = "fp32"

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×size×size, as they arrive."""
        with torch.no_grad():
            features = as_tuple(self.partition.head(self.target.preprocess.normalise(pictures)))
        return carried(self.defence.protect(features, self.generator), self.codec)


class Steps:
    """Counts an attack's steps, and tells when there were enough.

    Args:
        enough: steps to wait for.
        stepped: called after each.
    """

    def __init__(self, enough: int, stepped: Callable[[], object]) -> None:
        self._left = enough
        self._stepped = stepped
        self.done = threading.Event()

    def __call__(self) -> None:
        """Count one."""
        self._stepped()
        self._left -= 1
        if self._left <= 0:
            self.done.set()


@dataclass(frozen=True)
class Offline:
    """An attack on one cut.

    Attributes:
        settings: which attack, and how.
        target: the whole model.
        partition: the model, cut.
        stepped: called after every step of an optimiser.
        noted: called with the loss of every step.
    """

    settings: AttackSettings
    target: Target
    partition: Partition
    stepped: Callable[[], object]
    noted: Callable[[float], object] = lambda _: None

    def reconstruct(self, batches: Sequence[Tensor]) -> Iterator[Estimate]:
        """The final estimate of each batch of pictures N×3×size×size, in order.

        Raises:
            UsageError: no such attack, recipe, prior or defence.
        """
        kind = attack_named(self.settings.attack)
        limit = steps_of(self.settings)
        steps = Steps(limit, self.stepped)
        terms = Terms(
            Budget(limit),
            self.settings.recipe,
            math.inf,
            self.settings.seed,
            steps,
            self.settings.threads,
            limit if kind.learns else training_steps_of(self.settings),
            self.settings.sampling_steps,
            self.settings.queries,
            self.settings.patience,
            self.noted,
        )
        with kind.open(self._lab, terms) as attack:
            if kind.learns:
                steps.done.wait()
            victim = self._oracle("edge", self._seen)
            for pictures in batches:
                *_, last = attack.reconstruct(_frames(victim.query(pictures)))
                yield last

    @property
    def _lab(self) -> Lab:
        preprocess, settings = self.target.preprocess, self.settings
        prior = cache(partial(load_prior, settings.prior))
        public = partial(public_pictures, settings.public, preprocess.size, settings.seed)
        known = SeveralFrames(self._known, settings.frames, self._known)
        return Lab(
            lambda: WhiteBox(self.partition.head, preprocess.normalise, preprocess.size, prior, public, known),
            lambda: BlackBox(self._oracle("oracle", known), public(), preprocess.size, prior),
        )

    @property
    def _known(self) -> Defence:
        """The defence of a frame as far as the attack knows it."""
        return UNPROTECTED if self.settings.unaware else defence_named(self.settings.defence)

    @property
    def _seen(self) -> Defence:
        """What features go through before the attack has them."""
        return SeveralFrames(defence_named(self.settings.defence), self.settings.frames, self._known)

    def _oracle(self, role: str, defence: Defence) -> LocalOracle:
        generator = randomness(self.settings.seed, role)
        return LocalOracle(self.target, self.partition, defence, generator, self.settings.codec)


def _frames(features: Sequence[Tensor]) -> list[Observation]:
    """One for each picture of a batch."""
    return [
        Observation(str(index), tuple(tensor[index : index + 1] for tensor in features))
        for index in range(len(features[0]))
    ]


def steps_of(settings: AttackSettings) -> int:
    """Steps of one optimisation, or of the training of an attack that learns."""
    if settings.iterations is not None:
        return settings.iterations
    return attack_named(settings.attack).steps(settings.recipe, settings.queries)


def training_steps_of(settings: AttackSettings) -> int:
    """Steps of the training that an attack does before its first frame, where that is not all it does."""
    steps = attack_named(settings.attack).prepares(settings.recipe)
    return settings.training_steps if steps and settings.training_steps is not None else steps
