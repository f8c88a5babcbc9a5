"""Training of an adversarial pair by the one loop: a step of the generator after so many of the critic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from keyhole.train.loop import Round, TrainingPlan
from keyhole.train.optimisation import Optimisation


class AdversarialPair(nn.Module):
    """A generator and its critic.

    Args:
        generator: z, and labels where it takes classes, to pictures.
        critic: of pictures, and of labels where it takes classes.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.generator: Any = generator
        self.critic: Any = critic


class AdversarialBatch(NamedTuple):
    """A step's data.

    Attributes:
        pictures: real ones, uint8 N×3×H×W.
        labels: N, pseudo-labels of the real pictures; zeros where there are no classes.
        places: N, of the real pictures in the public ones.
        z: N×latent, for the generator.
        wanted: N, classes for the generator to make.
        step: the step's number.
        makes: whether it is the generator's step.
    """

    pictures: Tensor
    labels: Tensor
    places: Tensor
    z: Tensor
    wanted: Tensor
    step: int
    makes: bool


class AdversarialLosses(ABC):
    """What the two of a pair minimise, in turn."""

    @abstractmethod
    def critic(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """Scalars by name; the generator makes pictures without gradient."""

    @abstractmethod
    def generator(self, pair: AdversarialPair, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        """Scalars by name; the critic's weights are without gradient."""


class PairTraining(TrainingPlan):
    """See `TrainingPlan`. The module is an `AdversarialPair`, and one optimiser has the weights of both: those that a
    step's loss does not reach have no gradient, which AdamW passes over, moments and all.

    Args:
        pair: generator and critic.
        pictures: public ones, uint8 N×3×H×W.
        pairs: M×2 places in them and labels, see `keyhole.train.prior.pseudo_labels`; None: each picture, class 0.
        losses: of the two.
        latent: numbers in z.
        steps: of the generator.
        critic_steps: of the critic before each of them.
        batch: pictures in a step.
        every: steps of a round, the critic's among them.
        optimisation: see `TrainingPlan`.
        look: called after each round with the generator; returns what it saw in a few words.
    """

    def __init__(
        self,
        pair: AdversarialPair,
        pictures: Tensor,
        pairs: Tensor | None,
        losses: AdversarialLosses,
        *,
        latent: int,
        steps: int,
        critic_steps: int,
        batch: int,
        every: int,
        optimisation: Optimisation,
        look: Callable[[nn.Module], str],
    ) -> None:
        self.module, self.optimisation = pair, optimisation
        self._turn = critic_steps + 1
        self.steps, self.every = steps * self._turn, every
        places = torch.arange(len(pictures))
        self._pairs = torch.stack([places, torch.zeros_like(places)], dim=1) if pairs is None else pairs
        self._pictures, self._losses, self._latent, self._batch, self._look = pictures, losses, latent, batch, look

    def batches(self, first: int, last: int) -> Iterator[AdversarialBatch]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            chosen, wanted = (torch.randint(len(self._pairs), (self._batch,), generator=generator) for _ in range(2))
            z = torch.randn(self._batch, self._latent, generator=generator)
            places, labels = self._pairs[chosen].T
            yield AdversarialBatch(
                self._pictures[places],
                labels,
                places,
                z,
                self._pairs[wanted, 1],
                step,
                makes=step % self._turn == self._turn - 1,
            )

    def losses(self, module: Any, batch: AdversarialBatch) -> Mapping[str, Tensor]:
        if not batch.makes:
            return self._losses.critic(module, batch)
        with _fixed(module.critic):
            return self._losses.generator(module, batch)

    def report(self, module: Any, done: Round) -> str:
        means = "  ".join(f"{name} {mean:.3f}" for name, mean in done.losses.items())
        return f"pair {done.steps}/{self.steps}  {means}  {self._look(module.generator)}  {done.seconds:.0f} s"


@contextmanager
def _fixed(network: nn.Module) -> Iterator[None]:
    """In the block the network's weights get no gradient; what flows through it does."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def unit(pictures: Tensor) -> Tensor:
    """uint8 pictures in [0, 1]."""
    return pictures / 255
