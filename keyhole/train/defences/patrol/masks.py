"""The soft mask m: an entry for each structure of the head, by which its output is multiplied (§III-B1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from keyhole.partition.pruning.structures import MaskPoint, Structures, fold


class Masks(nn.Module):
    """See the module.

    The text prunes structures of "small" masks, as they contribute little; line 29 of Algorithm 1 prunes those with
    m ≤ τ, which would take the large negative ones too. The text is followed: size counts, not sign.

    Args:
        structures: of ``network``.
        network: the target, before a learner takes it apart; its modules are remembered, not owned.
        start: mean and deviation of the normal distribution that the entries are drawn from.
        generator: source of randomness.
    """

    settled: Tensor

    def __init__(
        self,
        structures: Sequence[Structures],
        network: nn.Module,
        start: tuple[float, float],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.structures = tuple(structures)
        self.entries = nn.ParameterList(
            torch.normal(*start, (place.count,), generator=generator) for place in self.structures
        )
        self.register_buffer("settled", torch.tensor(False))
        paths = {point.path for place in structures for point in place.points}
        self._scaled: Mapping[str, nn.Module] = {path: network.get_submodule(path) for path in paths}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """In the block, what the structures yield is multiplied by the mask, wherever the network's modules run."""
        handles = [
            _attach(self._scaled[point.path], point, entries)
            for place, entries in zip(self.structures, self.entries, strict=True)
            for point in place.points
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def make_up_for(self) -> None:
        """Divide the network's weights by the mask, so that the masked network answers as it did without a mask.

        Algorithm 1 starts from a well-trained target and from a mask that is drawn from N(0, 1). Multiplied by it the
        target would know nothing: half of its channels would change sign before a ReLU. The paper says nothing of
        that; dividing once keeps both, the draw and the target. Entries near 0 are moved away from it to 0.001.
        """
        for place, entries in zip(self.structures, self.entries, strict=True):
            entries.copy_(torch.where(entries < 0, -1.0, 1.0) * entries.abs().clamp_min(1e-3))
            fold(self._scaled, place, 1 / entries)

    @torch.no_grad()
    def settle(self, values: Sequence[Tensor]) -> None:
        """From now on the mask stays as it is: an entry for each structure, as given."""
        for entries, value in zip(self.entries, values, strict=True):
            entries.copy_(value)
        self.settled.fill_(True)

    def zeros(self) -> float:
        """Share of the entries that are 0."""
        return float(torch.cat([entries.detach() for entries in self.entries]).eq(0).float().mean())


def _attach(module: nn.Module, point: MaskPoint, entries: Tensor) -> RemovableHandle:
    scaled: Callable[..., Any]
    if point.side == "output":

        def scaled(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return point.scale(output, entries)

        return module.register_forward_hook(scaled)

    def scaled_input(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (point.scale(inputs[0], entries), *inputs[1:])

    return module.register_forward_pre_hook(scaled_input)
