"""What the oracle has answered: a bounded memory of targets (pictures, or their latents) and features."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from keyhole.attacks.knowledge import OracleAwayError


class Replay:
    """Keeps the newest pairs, features in half precision; the oldest leave when the memory is full.

    Args:
        megabytes: of targets and features together.
        levels: targets are in [0, 1] and kept in steps of 1/255; otherwise in half precision.
    """

    def __init__(self, megabytes: float = 256.0, levels: bool = True) -> None:
        self._room = megabytes * 2**20
        self._levels = levels
        self._pairs: deque[tuple[Tensor, tuple[Tensor, ...]]] = deque()
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

    def add(self, targets: Tensor, features: Sequence[Tensor]) -> None:
        """Remember targets and the oracle's answer, N×… each.

        Raises:
            OracleAwayError: the answer has other shapes than those before: another head answers.
        """
        shapes = tuple(tuple(tensor.shape[1:]) for tensor in features)
        if self._pairs and shapes != self.shapes:
            raise OracleAwayError(f"expected features of shapes {self.shapes}, as before, got {shapes}")
        packed = (targets * 255).round().to(torch.uint8) if self._levels else targets.half()
        halves = [tensor.half() for tensor in features]
        for index in range(len(targets)):
            pair = packed[index].clone(), tuple(tensor[index].clone() for tensor in halves)
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
        targets = torch.stack([target for target, _ in chosen]).float()
        columns = zip(*(features for _, features in chosen), strict=True)
        return targets / 255 if self._levels else targets, tuple(torch.stack(column).float() for column in columns)


def _bytes(pair: tuple[Tensor, tuple[Tensor, ...]]) -> int:
    target, features = pair
    return target.nbytes + sum(tensor.nbytes for tensor in features)
