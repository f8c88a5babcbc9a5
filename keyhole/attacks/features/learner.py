"""The network of a black-box attack and its optimiser."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from keyhole.attacks.features.aim import Aim
from keyhole.attacks.features.order import Order, at_random, in_epochs
from keyhole.attacks.features.replay import Replay
from keyhole.attacks.features.training import Training
from keyhole.nn.device import CPU
from keyhole.nn.payload import PayloadNetwork, Shape

_COUNTED, _BATCHES = 128, 4
"""Pictures that the batch norms of averaged weights are counted over, and in how many batches."""


@dataclass(frozen=True)
class Snapshot:
    """Weights that nobody changes any more.

    Attributes:
        network: in evaluation mode; from features to a generator's variable.
        step: training steps behind it.
        loss: mean of the latest ones.
    """

    network: PayloadNetwork
    step: int
    loss: float


class Learner:
    """Minimises an aim (Eq. 5 and 11 of the feature-inversion paper) over what a replay holds.

    Args:
        replay: holds at least one pair.
        variable: shape of the network's output for one picture.
        aim: the loss.
        training: the hyper-parameters.
        seed: of weights and order.
        device: where it computes.
    """

    def __init__(
        self, replay: Replay, variable: Shape, aim: Aim, training: Training, seed: int, device: torch.device = CPU
    ) -> None:
        self._replay = replay
        self._aim = aim
        self._training = training
        self._device = device
        order = at_random if training.epochs is None else in_epochs
        self._order = order(training.batch, torch.Generator().manual_seed(seed))
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = training.network(replay.shapes, variable)
        if training.standardise:
            self._network.standardise(replay.newest(training.first)[1])
        self._network.to(device)
        self._average = copy.deepcopy(self._network).requires_grad_(False)
        self._adam = torch.optim.AdamW(
            self._network.parameters(), lr=training.learning_rate, betas=training.betas, weight_decay=training.decay
        )
        self._loss = 0.0
        self.steps = 0

    def step(self) -> float:
        """One step on the next batch; returns its loss, the mean over its pictures."""
        training = self._training
        targets, features = self._batch(self._order)
        ramp = min(1.0, (self.steps + 1) / training.warm_up) if training.warm_up else 1.0
        self._adam.param_groups[0]["lr"] = training.learning_rate * ramp
        loss = training.fit(self._network, self._aim, features, targets, self._random).mean()
        self._adam.zero_grad()
        torch.autograd.backward(loss)
        self._adam.step()
        self.steps += 1
        now = float(loss.detach())
        self._remember(now)
        return now

    def _batch(self, order: Order) -> tuple[Tensor, tuple[Tensor, ...]]:
        targets, features = self._replay.take(order(len(self._replay)))
        return targets.to(self._device), tuple(tensor.to(self._device) for tensor in features)

    def snapshot(self) -> Snapshot:
        """The averaged weights as they are now.

        Averaged weights make other numbers than those that were averaged, so their batch norms count anew.
        """
        network = copy.deepcopy(self._average)
        if self._training.averaging:
            update_bn(self._counted(), _Spread(network))
        return Snapshot(network.eval(), self.steps, self._loss)

    def _counted(self) -> Iterator[list[tuple[Tensor, ...]]]:
        """Batches of features; loaders of torch put inputs in a list."""
        order = at_random(_COUNTED // _BATCHES, torch.Generator().manual_seed(self.steps))
        for _ in range(_BATCHES):
            yield [self._batch(order)[1]]

    @torch.no_grad()
    def _remember(self, loss: float) -> None:
        decay = min(self._training.averaging, self.steps / (9 + self.steps))
        self._loss = loss if self.steps == 1 else decay * self._loss + (1 - decay) * loss
        pairs = zip(self._average.parameters(), self._network.parameters(), strict=True)
        for average, latest in pairs:
            average.lerp_(latest, 1 - decay)
        for kept, newest in zip(self._average.buffers(), self._network.buffers(), strict=True):
            kept.copy_(newest)


class _Spread(nn.Module):
    """A network as one of a single input."""

    def __init__(self, network: PayloadNetwork) -> None:
        super().__init__()
        self._network = network

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """The live tensors, N×… each, to what the network makes of them."""
        made: Tensor = self._network(*tensors)
        return made
