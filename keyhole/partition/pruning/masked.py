"""From masks to a smaller model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyhole.partition.pruning.plan import PruningPlan, Removal
from keyhole.partition.pruning.structures import Structures, fold
from keyhole.partition.pruning.surgery import prune


def removals(structures: Sequence[Structures], masks: Sequence[Tensor], threshold: float) -> tuple[Removal, ...]:
    """The structures whose masks are no larger than a threshold in magnitude.

    Of each place one structure is kept, the one of the largest mask, since the network needs a way through; of a
    residual mapping none, as its shortcut stays.

    Args:
        structures: places.
        masks: one for each place, with an entry for each structure.
        threshold: τ of PATROL's Algorithm 1.
    """
    found = []
    for place, mask in zip(structures, masks, strict=True):
        sizes = mask.detach().abs()
        gone = sizes <= threshold
        if place.kind != "mapping":
            gone[sizes.argmax()] = False
        indices = tuple(gone.nonzero().flatten().tolist())
        if indices:
            found.append(Removal(place.kind, place.path, indices))
    return tuple(found)


@torch.no_grad()
def prune_masked(
    network: nn.Module,
    structures: Sequence[Structures],
    masks: Sequence[Tensor],
    example: Tensor,
    *,
    threshold: float = 0.0,
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
        defence: for the plan.
        cut: for the plan.
    """
    modules = dict(network.named_modules())
    for place, mask in zip(structures, masks, strict=True):
        fold(modules, place, torch.where(mask.abs() <= threshold, 0.0, mask))
    plan = PruningPlan(defence, cut, removals(structures, masks, threshold))
    prune(network, plan, example)
    return plan
