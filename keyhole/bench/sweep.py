"""Sweep: what all cells of a run share. Its settings, its folder, its targets and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from keyhole.attacks import Suite
from keyhole.bench.class_terms import InversionTerms, PrivateTerms
from keyhole.bench.presets import PRESETS, SweepScale
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.data import Sample, open_source, take_samples
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.evaluation.classes.shipped import with_shipped
from keyhole.metrics.registry import DEFAULT
from keyhole.partition import CutProfile, Partition
from keyhole.partition.cut_points import profile_surveyed, whole
from keyhole.partition.cutting import cut_at
from keyhole.partition.memory import Footprint, footprints_surveyed, whole_footprint
from keyhole.partition.model_survey import Survey, survey
from keyhole.partition.plan import INPUT, OUTPUT
from keyhole.partition.tracing import TRACING
from keyhole.sizes import Size
from keyhole.targets import ModelSettings, Target
from keyhole.targets.answers import AnswerKind, answer_kind
from keyhole.targets.load import assemble

SEED = 0
"""Seed of the pictures. The plan's seeds are those of the attacks."""
_BASELINES = MappingProxyType({CLOUD_ONLY: INPUT, EDGE_ONLY: OUTPUT})


@dataclass(frozen=True)
class SweepSettings:
    """Settings that all cells of a run share: figures of runs with other settings do not compare.

    Attributes:
        preset: names the scale, and the budgets of the attacks.
        source, public, prior, classes, identities, weights, size, threads: as in
            `keyhole.bench.settings.PlanSettings`, with ``""`` and None for what is absent.
    """

    preset: Suite
    source: str
    public: str
    prior: str
    classes: str
    identities: str
    weights: str
    size: Size | None
    threads: int

    def model(self, target: str) -> ModelSettings:
        """The flags that name a target."""
        return ModelSettings(target=target, weights=self.weights or None, size=self.size)

    @property
    def scale(self) -> SweepScale:
        """How much is measured for a cell."""
        return PRESETS[self.preset].scale


@dataclass(frozen=True)
class Sweep:
    """What a cell is measured with: the settings and the folder of its run.

    Attributes:
        settings: of the run.
        folder: of the run.
        metrics: by name, those that attacks are to be scored by.
        private: what classifiers were trained on; None: nothing is said of it.
        inversion: how their classes are attacked; None: they are not.
    """

    settings: SweepSettings
    folder: Path
    metrics: tuple[str, ...] = DEFAULT
    private: PrivateTerms | None = None
    inversion: InversionTerms | None = None

    def target(self, name: str) -> SurveyedTarget:
        """A target of the run, traced once in each process."""
        return surveyed_target(self.settings.model(name))

    def invert(self, name: str) -> InvertSettings:
        """Settings of attacks on a target's classes, by the same evaluation classifier as `keyhole invert`.

        Raises:
            ValueError: the run has none.
        """
        if self.private is None or self.inversion is None:
            raise ValueError(f"{name}: its training set is not attacked in this run")
        settings = self.settings
        own = self.private.inversion(settings.model(name))
        terms = self.inversion.filled(own, public=settings.public, prior=settings.prior, threads=settings.threads)
        return with_shipped(terms)


def cut_of(design: Design) -> str:
    """The cut of a design; for a baseline the one that leaves nothing, or everything, on the edge."""
    return _BASELINES.get(design.cut, design.cut)


@dataclass(frozen=True)
class SurveyedTarget:
    """A target and the points at which it can be cut.

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
    def whole(self) -> CutProfile:
        """What the whole model costs."""
        return whole(self.survey)

    @cached_property
    def footprints(self) -> Mapping[str, Footprint]:
        """Memory that the head of each cut needs, by its canonical path, and the whole model, as ``output``."""
        with TRACING:
            heads = {fit.point.cut: fit.footprint for fit in footprints_surveyed(self.survey, every=True)}
            return {**heads, OUTPUT: whole_footprint(self.survey)}

    @property
    def blocks(self) -> tuple[str, ...]:
        """Ends of all blocks but the last, which is the model's answer."""
        found = [each.point.cut for each in profile_surveyed(self.survey)]
        return tuple(cut for cut in found[:-1] if cut != INPUT)

    @cached_property
    def answers(self) -> AnswerKind:
        """What it answers with."""
        return answer_kind(self.target)

    def cut(self, cut: str) -> Partition:
        """The model, cut.

        Raises:
            CutError: it cannot be cut there.
        """
        with TRACING:
            return cut_at(self.survey, cut)


@lru_cache(maxsize=4)
def surveyed_target(settings: ModelSettings) -> SurveyedTarget:
    """The target that flags name, traced; their cut is ignored.

    Raises:
        TargetError: no such target or weights.
        CutError: it cannot be traced.
    """
    target = assemble(settings.target, settings.weights, size=settings.size)
    return SurveyedTarget(target, survey(target))


def audit_pictures(settings: SweepSettings, size: Size, count: int, *, secrets: bool = False) -> Sequence[Sample]:
    """The first ``count`` pictures of the audit pool at a size.

    Raises:
        FileNotFoundError: no such pictures.
    """
    return _audit(settings.source, size, count, secrets)


@lru_cache(maxsize=2)
def _audit(spec: str, size: Size, count: int, secrets: bool) -> Sequence[Sample]:
    source = open_source(spec, pool="audit", size=size, seed=SEED, secrets=secrets)
    return tuple(take_samples(source, count))
