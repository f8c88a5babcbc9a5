"""The soft mask m of a head's structures (§III-B1), and FISTA, which trains it (Eq. 1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from keyhole.partition.pruning.structures import MaskPoint, Structures, fold


class Masks(nn.Module):
    """The soft mask m: an entry for each structure of the head, by which its output is multiplied.

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
        """In the block, the mask multiplies the structures' outputs wherever the network's modules run."""
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
        """Fix the mask at the given entries, one for each structure."""
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


def shrink(values: Sequence[Tensor], l1: float, l2: float, widths: Sequence[int]) -> list[Tensor]:
    """The proximal map of λ₁‖m‖₁ + λ₂‖m‖₂, m being all of ``values`` together.

    Soft thresholding by λ₁, then the whole vector brought nearer to 0 by λ₂: the proximal map of such a sum is that of
    its parts, one after the other (Yu 2013, "On decomposing the proximal map"). Eq. 1 does not square ‖m‖₂, and neither
    is it squared here.

    Args:
        values: tensors of any shapes.
        l1: λ₁ times the step size.
        l2: λ₂ times the step size.
        widths: for each of ``values``, how many equal entries of m each of its own stands for.
    """
    thresholded = [value.sign() * (value.abs() - l1).clamp_min(0) for value in values]
    norm = math.sqrt(sum(width * float(value.square().sum()) for value, width in zip(thresholded, widths, strict=True)))
    factor = max(0.0, 1 - l2 / norm) if norm else 0.0
    return [value * factor for value in thresholded]


class Fista(Optimizer):
    """min over m of L(m) + λ₁‖m‖₁ + λ₂‖m‖₂, where ``backward`` has put the gradient of L.

    Between steps the parameters hold FISTA's extrapolated point y, at which it wants the gradient; `settle` puts the
    iterate itself, whose entries are exactly 0 where they are shrunk to it, in their place.

    An entry that the loss does not hold moves by ηλ₁k²/8 in k steps, since the momentum grows towards 1. This is how
    the paper's rate of 10⁻⁶ can move a mask of N(0, 1) at all: in 6 660 steps (90 epochs of VeRi in batches of 512) it
    adds up to 5.5; without the momentum it would be 0.007.

    An entry for a whole mapping, or an attention head, multiplies many channels. It is taken for as many equal entries,
    one to a channel: its gradient is the mean of theirs, and in ‖m‖₂ it counts for all. Its own gradient is their sum;
    with that η and λ would have to be others for each width, and those for channels let momentum throw out every
    mapping within an epoch.

    Args:
        parameters: the mask.
        learning_rate: η.
        l1: λ₁.
        l2: λ₂.
        widths: for each of ``parameters``, how many channels an entry multiplies; None: one.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        l1: float,
        l2: float,
        widths: Sequence[int] | None = None,
    ) -> None:
        parameters = list(parameters)
        defaults = {"lr": learning_rate, "l1": l1, "l2": l2, "t": 1.0, "widths": tuple(widths or [1] * len(parameters))}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step of FISTA (4.1 to 4.3)."""
        for group in self.param_groups:
            rate, widths = group["lr"], group["widths"]
            stepped = [y - rate * y.grad / width for y, width in zip(group["params"], widths, strict=True)]
            shrunk = shrink(stepped, rate * group["l1"], rate * group["l2"], widths)
            following = (1 + math.sqrt(1 + 4 * group["t"] ** 2)) / 2
            for y, x in zip(group["params"], shrunk, strict=True):
                before = self.state[y].get("x", y.clone())
                y.copy_(x + (group["t"] - 1) / following * (x - before))
                self.state[y]["x"] = x
            group["t"] = following

    def solution(self, parameter: Tensor) -> Tensor:
        """The iterate x of a parameter; the parameter itself before the first step."""
        found: Tensor = self.state[parameter].get("x", parameter) if parameter in self.state else parameter
        return found.detach()

    @torch.no_grad()
    def settle(self) -> None:
        """Put the iterates into the parameters, when the mask's training ends."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.copy_(self.solution(parameter))
