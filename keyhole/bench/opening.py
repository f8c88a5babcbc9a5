"""Targets, opened once in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from keyhole.partition import CutProfile, Partition
from keyhole.partition.cut_points import profile_surveyed
from keyhole.partition.cutting import cut_at
from keyhole.partition.memory import footprints
from keyhole.partition.model_survey import Survey, survey
from keyhole.partition.plan import INPUT
from keyhole.partition.tracing import TRACING
from keyhole.targets import ModelSettings, Target
from keyhole.targets.load import assemble
from keyhole.targets.neck import answers_with_embedding


@dataclass(frozen=True)
class Opened:
    """A target and what is known of its points.

    Attributes:
        target: the whole model.
        survey: its operations.
    """

    target: Target
    survey: Survey

    @cached_property
    def profiles(self) -> Mapping[str, CutProfile]:
        """What each point costs, by its canonical path."""
        return {found.point.cut: found for found in profile_surveyed(self.survey, every=True)}

    @cached_property
    def memory(self) -> Mapping[str, int]:
        """Bytes that the head up to the end of each block needs, by its path."""
        return {fit.point.cut: fit.footprint.total for fit in footprints(self.target)}

    @property
    def blocks(self) -> tuple[str, ...]:
        """The ends of blocks but the last, which is the model's answer."""
        found = [each.point.cut for each in profile_surveyed(self.survey)]
        return tuple(cut for cut in found[:-1] if cut != INPUT)

    @property
    def embeds(self) -> bool:
        """Whether it answers with an embedding; one's own model counts as a classifier unless it ends in a BNNeck."""
        return answers_with_embedding(self.target.model)

    def cut(self, cut: str) -> Partition:
        """The model, cut.

        Raises:
            CutError: it cannot be cut there.
        """
        with TRACING:
            return cut_at(self.survey, cut)


@lru_cache(maxsize=4)
def opened(settings: ModelSettings) -> Opened:
    """The target that flags name; its cut is not looked at.

    Raises:
        TargetError: no such target or weights.
        CutError: it cannot be traced.
    """
    target = assemble(settings.target, settings.weights, size=settings.size)
    return Opened(target, survey(target))
