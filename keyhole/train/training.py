"""What the training loop asks of whatever is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from keyhole.train.optimisers import Optimisation


@dataclass(frozen=True)
class Round:
    """What happened in a round.

    Attributes:
        steps: that are done, those of earlier rounds included.
        losses: means over the round's steps, by name; of a round that was stopped, over the steps since.
        seconds: that these took.
    """

    steps: int
    losses: Mapping[str, float]
    seconds: float


class Training(ABC):
    """A module, the batches that it learns from and the losses that it learns by.

    Attributes:
        module: what is trained.
        optimisation: how.
        steps: of the optimiser, one for each batch.
        every: steps in a round, after which a line is printed; the last round may be shorter.
        companions: what the losses move besides the module, with ``state_dict`` and ``load_state_dict``: checkpoints
            hold it too.
    """

    module: nn.Module
    optimisation: Optimisation
    steps: int
    every: int
    companions: Sequence[Any] = ()

    @abstractmethod
    def batches(self, first: int, last: int) -> Iterator[Any]:
        """The batches of the steps from ``first`` to before ``last``, which are those of one round.

        They depend on nothing but the numbers of the steps, so that a resumed run sees the same ones. A batch is a
        tensor, something with a method ``to``, or a tuple, list or mapping of such; the loop moves it to the device.
        """

    @abstractmethod
    def losses(self, module: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Scalars by name; their sum is what is minimised.

        Args:
            module: `module`, as the loop has prepared it for the device.
            batch: on the module's device.
        """

    @abstractmethod
    def report(self, module: nn.Module, done: Round) -> str:
        """The line to print after a round.

        Args:
            module: `module` with its averaged weights, where an average is taken.
            done: the round.
        """
