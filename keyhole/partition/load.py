"""The target and the cuts that a process's flags name."""

from __future__ import annotations

from collections.abc import Sequence

from keyhole.partition.cutting import cut_at
from keyhole.partition.head_only import head_only
from keyhole.partition.plan import Partition
from keyhole.partition.surveying import survey
from keyhole.partition.tracing import TRACING
from keyhole.targets import ModelSettings, Target, load_target


def partitioned(settings: ModelSettings) -> tuple[Target, Partition]:
    """Load the target and cut it.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut, the target cannot be cut there, or the weights of a head alone end before it.
    """
    target, (partition,) = partitioned_at(settings, (settings.cut,))
    return target, partition


def partitioned_at(settings: ModelSettings, cuts: Sequence[str]) -> tuple[Target, list[Partition]]:
    """Load the target and cut it at each of several points; the flag of the cut is not looked at.

    Raises:
        TargetError: as `partitioned`.
        CutError: as `partitioned`.
    """
    target = load_target(settings.target, settings.weights, size=settings.size, strict=not settings.head_only)
    with TRACING:
        surveyed = survey(target)
        partitions = [cut_at(surveyed, cut) for cut in cuts]
    return target, [head_only(target, each) for each in partitions] if settings.head_only else partitions
