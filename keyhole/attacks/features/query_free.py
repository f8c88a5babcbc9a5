"""The query-free attack: a shadow of the head is trained to serve the known tail, and inverted in the head's place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.attacks.base import Access, Attack, Estimate, Knowledge, Observation, RunSettings, WhiteBox
from keyhole.attacks.cloud_side import CloudSide
from keyhole.attacks.entry import Recipe, RungOutline
from keyhole.attacks.features.learner import in_epochs
from keyhole.attacks.preparation import Preparation
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop


@dataclass(frozen=True)
class ShadowTraining:
    """Minimise CE(f_θ2(f̃_θ1(x)), y) over θ1, the shadow's weights (He et al., §6), with Adam.

    Attributes:
        pictures: labelled public ones.
        epochs: over them.
        batch: pictures of a step.
        learning_rate: of Adam.
        halved: epochs after which the rate is halved, again and again.
        epsilon: of Adam's denominator.
        amsgrad: whether Adam's second moment never falls.
    """

    pictures: int
    epochs: int
    batch: int = 32
    learning_rate: float = 1e-3
    halved: int = 10
    epsilon: float = 1e-3
    amsgrad: bool = True

    @property
    def steps(self) -> int:
        """Of all epochs."""
        return self.epochs * math.ceil(self.pictures / self.batch)


PUBLISHED_SHADOW = ShadowTraining(pictures=4096, epochs=50)
"""As the authors run it, but on 4,096 public pictures, which fit in memory, in place of the 50,000 of CIFAR-10 that the
victim's model was trained on too."""

SHADOW = ShadowTraining(pictures=2048, epochs=15, learning_rate=3e-3, halved=5, epsilon=1e-8, amsgrad=False)
"""For what two cores reach."""


@dataclass
class ShadowAttack:
    """Trains the shadow before the first frame, then inverts frames through it as a white box does through the head.

    Whatever the shadow has learned, its channels are those that the tail expects: that ties it to the head.

    Attributes:
        known: the cloud's half, and no head.
        training: of the shadow.
        inversion: of frames through the shadow.
        run: budget of one frame, seed, watch.
    """

    known: CloudSide
    training: ShadowTraining
    inversion: WhiteBoxRecipe
    run: RunSettings
    _stop: Stop = field(default_factory=Stop, repr=False)
    _attack: Attack | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """The inversion's estimates; none if the context closes while the shadow is trained.

        Raises:
            MismatchError: the frames do not come from a head of this architecture.
            UsageError: no labelled pictures, or the tail answers with something else than logits.
        """
        self.prepare()
        if self._attack is not None:
            yield from self._attack.reconstruct(frames)

    def prepare(self) -> Preparation:
        """Train the shadow, unless it is trained; without an end if the context closes meanwhile.

        Raises:
            UsageError: no labelled pictures, or the tail answers with something else than logits.
        """
        if self._attack is None:
            shadow, known = self.train(), self.known
            if not self._stop.is_set():
                box = WhiteBox(shadow, known.normalise, known.size, defence=known.defence, device=known.device)
                self._attack = self.inversion.make(box, self.run)
        return Preparation(self._steps, self._training.pictures, labelled=True)

    def train(self) -> nn.Module:
        """The shadow, trained, in evaluation mode and without gradient."""
        known, training = self.known, self._training
        pictures, labels = self._drawn(training.pictures)
        shadow = known.shadow(self.run.seed).to(known.device).train()
        tail = known.tail.to(known.device).eval()
        adam = torch.optim.Adam(
            shadow.parameters(), training.learning_rate, eps=training.epsilon, amsgrad=training.amsgrad
        )
        order = in_epochs(training.batch, torch.Generator().manual_seed(self.run.seed))
        for step in range(self._steps):
            if self._stop.is_set():
                break
            chosen = order(len(pictures))
            epoch = step * training.batch // len(pictures)
            adam.param_groups[0]["lr"] = training.learning_rate * 0.5 ** (epoch // training.halved)
            inputs = known.normalise(pictures[chosen].to(known.device).float() / 255)
            loss = F.cross_entropy(_logits(tail(shadow(inputs)), len(chosen)), labels[chosen].to(known.device))
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            self.run.watch.stepped()
        return shadow.eval().requires_grad_(False)

    @property
    def _steps(self) -> int:
        return self.run.training or self._training.steps

    @property
    def _training(self) -> ShadowTraining:
        given = self.run.queries
        return self.training if given is None else replace(self.training, pictures=given)

    def _drawn(self, count: int) -> tuple[Tensor, Tensor]:
        """Pictures, uint8 N×3×H×W, and their classes."""
        pairs = [
            ((picture * 255).round().to(torch.uint8), label) for picture, label in islice(self.known.labelled(), count)
        ]
        return torch.stack([picture for picture, _ in pairs]), torch.tensor([label for _, label in pairs])


def _logits(answer: object, count: int) -> Tensor:
    if isinstance(answer, Tensor) and answer.dim() == 2 and len(answer) == count:
        return answer
    raise UsageError("query-free trains with classes, and the cloud's half of this model does not answer with logits")


@dataclass(frozen=True)
class QueryFreeRecipe(Recipe):
    """Train a shadow, then invert it.

    Attributes:
        training: of the shadow.
        inversion: of frames through it.
    """

    training: ShadowTraining
    inversion: WhiteBoxRecipe

    knowledge: ClassVar[Knowledge] = "black box"

    @property
    def prepares(self) -> int:
        """Steps of the shadow's training."""
        return self.training.steps

    def steps(self, queries: int | None = None) -> int:
        """Steps of the inversion of one frame."""
        return self.inversion.steps(queries)

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:  # noqa: ARG002
        """The inversion alone; the shadow is trained before it."""
        return (RungOutline("", self.knowledge),)

    def open(self, access: Access, run: RunSettings) -> AbstractContextManager[ShadowAttack]:
        """The attack; it trains when the first frame comes.

        Raises:
            UsageError: the attacker is not the cloud, or has no labelled pictures.
        """
        known = access.cloud()
        next(known.labelled())
        return ShadowAttack(known, self.training, self.inversion, run)
