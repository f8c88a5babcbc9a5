"""What the oracle has answered: a bounded memory of pictures and their features."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor


class Replay:
    """Keeps the newest pairs, features in half precision; the oldest leave when the memory is full.

    Args:
        megabytes: of pictures and features together.
    """

    def __init__(self, megabytes: float = 256.0) -> None:
        self._room = int(megabytes * 2**20)
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

    def add(self, pictures: Tensor, features: Sequence[Tensor]) -> None:
        """Remember pictures N×3×H×W in [0, 1] and the oracle's answer, N×… each.

        Raises:
            ValueError: the answer has other shapes than those before.
        """
        shapes = tuple(tuple(tensor.shape[1:]) for tensor in features)
        if self._pairs and shapes != self.shapes:
            raise ValueError(f"expected features of shapes {self.shapes}, as before, got {shapes}")
        levels = (pictures * 255).round().to(torch.uint8)
        halves = [tensor.half() for tensor in features]
        for index in range(len(pictures)):
            pair = levels[index].clone(), tuple(tensor[index].clone() for tensor in halves)
            self._pairs.append(pair)
            self._bytes += _bytes(pair)
        while self._bytes > self._room and len(self._pairs) > 1:
            self._bytes -= _bytes(self._pairs.popleft())

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
        """``count`` pairs at random, with replacement: pictures, features."""
        return self._gather(torch.randint(0, len(self._pairs), (count,), generator=random).tolist())

    def newest(self, count: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The last ``count`` pairs, or as many as there are."""
        return self._gather(range(max(0, len(self._pairs) - count), len(self._pairs)))

    def _gather(self, indices: Sequence[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        chosen = [self._pairs[index] for index in indices]
        pictures = torch.stack([picture for picture, _ in chosen]).float() / 255
        columns = zip(*(features for _, features in chosen), strict=True)
        return pictures, tuple(torch.stack(column).float() for column in columns)


def _bytes(pair: tuple[Tensor, tuple[Tensor, ...]]) -> int:
    picture, features = pair
    return picture.nbytes + sum(tensor.nbytes for tensor in features)
