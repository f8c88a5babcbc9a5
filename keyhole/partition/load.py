"""The target and the cut that a process's flags name."""

from __future__ import annotations

from keyhole.partition.cutting import split
from keyhole.partition.plan import Partition
from keyhole.targets import ModelSettings, Target, load_target


def partitioned(settings: ModelSettings) -> tuple[Target, Partition]:
    """Load the target and cut it.

    Raises:
        TargetError: no such target or weights.
        CutError: no such cut, or the target cannot be cut there.
    """
    target = load_target(settings.target, settings.weights, size=settings.size, strict=settings.strict)
    return target, split(target, settings.cut)
