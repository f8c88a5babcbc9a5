"""The mirror network and its optimiser."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from adversary.attacks.objective import total_variation
from adversary.attacks.replay import Replay
from adversary.attacks.training import Training
from keyhole.nn.mirror import MirrorNetwork


@dataclass(frozen=True)
class Snapshot:
    """Weights that nobody changes any more.

    Attributes:
        network: in evaluation mode.
        step: training steps behind it.
        loss: mean of the latest ones.
    """

    network: MirrorNetwork
    step: int
    loss: float


class Learner:
    """Minimises Eq. 5 of the feature-inversion paper, Σ‖F⁻¹(F₁(x)) − x‖², over what a replay holds.

    Args:
        replay: holds at least one pair.
        size: side of the pictures.
        training: the hyper-parameters.
        seed: of weights and order.
    """

    def __init__(self, replay: Replay, size: int, training: Training, seed: int) -> None:
        self._replay = replay
        self._training = training
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = MirrorNetwork(replay.shapes, size, training.layers)
        self._network.standardise(replay.newest(training.first)[1])
        self._average = copy.deepcopy(self._network).requires_grad_(False)
        self._adam = torch.optim.AdamW(self._network.parameters(), lr=training.learning_rate, betas=(0.9, 0.99))
        self._loss = 0.0
        self.steps = 0

    def step(self) -> None:
        """One step on a random batch."""
        training = self._training
        pictures, features = self._replay.draw(training.batch, self._random)
        self._adam.param_groups[0]["lr"] = training.learning_rate * min(1.0, (self.steps + 1) / training.warm_up)
        guess = self._network(*features)
        distance = F.mse_loss(guess, pictures)
        loss = distance + training.tv_weight * total_variation(guess).mean() if training.tv_weight else distance
        self._adam.zero_grad()
        torch.autograd.backward(loss)
        self._adam.step()
        self.steps += 1
        self._remember(float(distance.detach()))

    def snapshot(self) -> Snapshot:
        """The averaged weights as they are now."""
        return Snapshot(copy.deepcopy(self._average).eval(), self.steps, self._loss)

    @torch.no_grad()
    def _remember(self, loss: float) -> None:
        decay = min(self._training.averaging, self.steps / (9 + self.steps))
        self._loss = loss if self.steps == 1 else decay * self._loss + (1 - decay) * loss
        pairs: zip[tuple[Tensor, Tensor]] = zip(self._average.parameters(), self._network.parameters(), strict=True)
        for average, latest in pairs:
            average.lerp_(latest, 1 - decay)
        for kept, newest in zip(self._average.buffers(), self._network.buffers(), strict=True):
            kept.copy_(newest)
