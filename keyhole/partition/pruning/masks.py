"""Masks of structures: which structures they remove, and the smaller model that answers as the masked one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyhole.partition.pruning.plan import PruningPlan, Removal
from keyhole.partition.pruning.structures import Structures, fold
from keyhole.partition.pruning.surgery import prune

WIDTHS = ("channels", "hidden units")
"""Kinds whose places can be left with a multiple of a number of structures."""


def removals(
    structures: Sequence[Structures], masks: Sequence[Tensor], threshold: float, round_to: int = 1
) -> tuple[Removal, ...]:
    """The structures whose masks are no larger than a threshold in magnitude.

    Of each place one structure is kept, the one of the largest mask, since the network needs a way through; of a
    residual mapping none, as its shortcut stays.

    Args:
        structures: places.
        masks: one for each place, with an entry for each structure.
        threshold: τ of PATROL's Algorithm 1.
        round_to: of `WIDTHS` so many stay as to be a multiple of this, those of the largest masks; where a place has
            not as many, what the threshold leaves. 1: the paper's mask exactly.
    """
    found = []
    for place, mask in zip(structures, masks, strict=True):
        sizes = mask.detach().abs()
        gone = sizes <= threshold
        if place.kind != "mapping":
            gone[sizes.argmax()] = False
        gone[sizes.argsort(descending=True)[: _kept(place, int((~gone).sum()), round_to)]] = False
        indices = tuple(gone.nonzero().flatten().tolist())
        if indices:
            found.append(Removal(place.kind, place.path, indices))
    return tuple(found)


def _kept(place: Structures, left: int, round_to: int) -> int:
    """How many of a place's structures stay at the least, where the mask leaves some."""
    rounded = left + -left % round_to
    return rounded if place.kind in WIDTHS and rounded <= place.count else 0


def live_in_multiples(
    structures: Sequence[Structures], masks: Sequence[Tensor], earlier: Sequence[Tensor], round_to: int
) -> list[Tensor]:
    """Masks in which structures that stay only for `removals`' ``round_to`` get their earlier entries back, not 0.

    Where that was 0 too, it gets the size of the smallest that stays, so that a training can use it.

    Args:
        structures: places.
        masks: one for each place; 0 where the structure goes.
        earlier: the same, before they went.
        round_to: see `removals`.
    """
    alive = []
    for place, mask, before in zip(structures, masks, earlier, strict=True):
        left = int(mask.count_nonzero())
        gone = mask == 0
        back = before.abs().masked_fill(~gone, -1).topk(max(0, _kept(place, left, round_to) - left)).indices
        least = mask[~gone].abs().min() if left else mask.new_ones(())
        alive.append(mask.scatter(0, back, torch.where(before == 0, least, before)[back]))
    return alive


@torch.no_grad()
def prune_masked(
    network: nn.Module,
    structures: Sequence[Structures],
    masks: Sequence[Tensor],
    example: Tensor,
    *,
    threshold: float = 0.0,
    round_to: int = 1,
    defence: str,
    cut: str,
) -> PruningPlan:
    """Put masks into a network's weights, and remove the structures that they switch off.

    With a threshold of 0 the network answers afterwards as it did with the masks.

    Args:
        network: is changed.
        structures: of it.
        masks: one for each of ``structures``.
        example: one picture that the network takes, 1×C×H×W.
        threshold: masks up to this magnitude are taken for 0.
        round_to: see `removals`.
        defence: for the plan.
        cut: for the plan.

    >>> from keyhole.partition import survey
    >>> from keyhole.partition.pruning.surgery import structures_before
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    >>> example = torch.rand(1, 3, 8, 8)
    >>> (convolution,) = structures_before(survey(net, example), cut="1")
    >>> mask = torch.tensor([1.0, 0.0, 0.5, 0.0])
    >>> prune_masked(net, [convolution], [mask], example, defence="mine", cut="1").removed
    (Removal(kind='channels', path='0', indices=(1, 3)),)
    >>> net[0].out_channels, net[3].in_features
    (2, 128)
    """
    modules = dict(network.named_modules())
    plan = PruningPlan(defence, cut, removals(structures, masks, threshold, round_to))
    gone = {(removal.kind, removal.path): list(removal.indices) for removal in plan.removed}
    for place, mask in zip(structures, masks, strict=True):
        left = mask.detach().clone()
        left[gone.get((place.kind, place.path), [])] = 0.0
        fold(modules, place, left)
    prune(network, plan, example)
    return plan
