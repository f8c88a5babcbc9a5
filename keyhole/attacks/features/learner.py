"""Training of a black box's network: a replay of the oracle's answers, the order of batches, and the optimiser."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from keyhole.attacks.base import MismatchError, Observation, OracleAwayError, stacked
from keyhole.attacks.features.told_training import ToldLoss
from keyhole.attacks.features.training import InversionTraining
from keyhole.attacks.features.training_losses import TrainingLoss
from keyhole.nn.device import CPU
from keyhole.nn.payload import PayloadNetwork, Shape

_COUNTED, _BATCHES = 128, 4
"""Pictures that the batch norms of averaged weights are counted over, and in how many batches."""


class Replay:
    """Keeps the newest pairs, features in half precision; the oldest leave when the memory is full.

    Args:
        megabytes: of targets and features together.
        levels: targets are in [0, 1] and kept in steps of 1/255; otherwise in half precision.
    """

    def __init__(self, megabytes: float = 256.0, levels: bool = True) -> None:
        self._room = megabytes * 2**20
        self._levels = levels
        self._pairs: deque[tuple[Tensor, tuple[Tensor, ...], str]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the live tensors for one picture, without the batch.

        Raises:
            IndexError: nothing was added yet.
        """
        return tuple(tuple(tensor.shape) for tensor in self._pairs[-1][1])

    def add(self, targets: Tensor, features: Sequence[Tensor], texts: Sequence[str] = ()) -> None:
        """Remember targets and the oracle's answer, N×… each, and a text on each where there are any.

        Raises:
            OracleAwayError: the answer has other shapes than those before: another head answers.
        """
        shapes = tuple(tuple(tensor.shape[1:]) for tensor in features)
        if self._pairs and shapes != self.shapes:
            raise OracleAwayError(f"expected features of shapes {self.shapes}, as before, got {shapes}")
        packed = (targets * 255).round().to(torch.uint8) if self._levels else targets.half()
        halves = [tensor.half() for tensor in features]
        for index in range(len(targets)):
            text = texts[index] if texts else ""
            pair = packed[index].clone(), tuple(tensor[index].clone() for tensor in halves), text
            self._pairs.append(pair)
            self._bytes += _bytes(pair)
        while self._bytes > self._room and len(self._pairs) > 1:
            self._bytes -= _bytes(self._pairs.popleft())

    def newest(self, count: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The last ``count`` pairs, or as many as there are."""
        return self.take(range(max(0, len(self._pairs) - count), len(self._pairs)))

    def take(self, indices: Sequence[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The pairs at these places, oldest first: targets, features."""
        chosen = [self._pairs[index] for index in indices]
        targets = torch.stack([target for target, _, _ in chosen]).float()
        columns = zip(*(features for _, features, _ in chosen), strict=True)
        return targets / 255 if self._levels else targets, tuple(torch.stack(column).float() for column in columns)

    def texts(self, indices: Sequence[int]) -> list[str]:
        """The texts on the pairs at these places; empty where there are none."""
        return [self._pairs[index][2] for index in indices]


def _bytes(pair: tuple[Tensor, tuple[Tensor, ...], str]) -> int:
    target, features, _ = pair
    return target.nbytes + sum(tensor.nbytes for tensor in features)


Order = Callable[[int], list[int]]
"""Indices of the next batch, from the number of pairs that there are."""


def at_random(batch: int, random: torch.Generator) -> Order:
    """Any pairs, with replacement."""
    return lambda pairs: torch.randint(0, pairs, (batch,), generator=random).tolist()


def in_epochs(batch: int, random: torch.Generator) -> Order:
    """Every pair once before any comes again, in batches of equal size (± 1) that are no larger than ``batch``."""
    left: Iterator[list[int]] = iter(())

    def order(pairs: int) -> list[int]:
        nonlocal left
        indices = next(left, None)
        if indices is None:
            shuffled = torch.randperm(pairs, generator=random)
            left = (part.tolist() for part in shuffled.tensor_split(-(-pairs // batch)))
            indices = next(left)
        return indices

    return order


@dataclass(frozen=True)
class TrainedNetwork:
    """A copy of the network that no training changes any more.

    Attributes:
        network: in evaluation mode; from features to a generator's variable.
        step: training steps behind it.
        loss: mean of the latest ones.
        queries: pictures that an oracle was asked about for it.
        before: whether it was trained before the attack began.
    """

    network: PayloadNetwork
    step: int
    loss: float
    queries: int = 0
    before: bool = False

    def variable(self, frames: Sequence[Observation], device: torch.device) -> Tensor:
        """What the network makes of frames, on the device that it is on.

        Raises:
            MismatchError: the frames' shapes are not those of the oracle's answers.
        """
        try:
            variable: Tensor = self.network(*(tensor.to(device) for tensor in stacked(frames)))
        except ValueError as error:
            raise MismatchError(f"the oracle's answers are not like the frames: {error}") from error
        return variable


class Learner:
    """Minimises a loss (Eq. 5 and 11 of the feature-inversion paper) over what a replay holds.

    Args:
        replay: holds at least one pair.
        variable: shape of the network's output for one picture.
        loss: that is minimised.
        training: the hyper-parameters.
        seed: of weights and order.
        device: where it computes.
    """

    def __init__(
        self,
        replay: Replay,
        variable: Shape,
        loss: TrainingLoss,
        training: InversionTraining,
        seed: int,
        device: torch.device = CPU,
    ) -> None:
        self._replay = replay
        self._target_loss = loss
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
        indices = self._order(len(self._replay))
        targets, features = self._batch(indices)
        told = self._target_loss
        if isinstance(told, ToldLoss):
            told = told.of(self._replay.texts(indices))
        self._adam.param_groups[0]["lr"] = training.learning_rate * self._rate()
        loss = training.step_loss(self._network, told, features, targets, self._random).mean()
        self._adam.zero_grad()
        torch.autograd.backward(loss)
        self._adam.step()
        self.steps += 1
        now = float(loss.detach())
        self._remember(now)
        return now

    def _rate(self) -> float:
        """Share of the learning rate at the next step."""
        warm_up = self._training.warm_up
        return min(1.0, (self.steps + 1) / warm_up) if warm_up else 1.0

    def skip(self) -> None:
        """Pass over a step that `load_state_dict` will bring."""
        self._order(len(self._replay))
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """All that the steps so far have left, but for the place in the order of batches."""
        return {
            "steps": self.steps,
            "loss": self._loss,
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "adam": self._adam.state_dict(),
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another learner of the same settings was, after so many calls of `skip`."""
        self.steps, self._loss = state["steps"], state["loss"]
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._adam.load_state_dict(state["adam"])
        self._random.set_state(state["random"].cpu())

    def _batch(self, indices: Sequence[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        targets, features = self._replay.take(indices)
        return targets.to(self._device), tuple(tensor.to(self._device) for tensor in features)

    def snapshot(self) -> TrainedNetwork:
        """The averaged weights as they are now.

        Averaged weights make other numbers than those that were averaged, so their batch norms count anew.
        """
        network = copy.deepcopy(self._average)
        if self._training.averaging:
            update_bn(self._counted(), _Spread(network))
        return TrainedNetwork(network.eval(), self.steps, self._loss)

    def _counted(self) -> Iterator[list[tuple[Tensor, ...]]]:
        """Batches of features; loaders of torch put inputs in a list."""
        order = at_random(_COUNTED // _BATCHES, torch.Generator().manual_seed(self.steps))
        for _ in range(_BATCHES):
            yield [self._batch(order(len(self._replay)))[1]]

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
