"""Trained defences: designs of a defended target as designs of its base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from keyhole.bench.provenance import picture_size_of
from keyhole.bench.records import (
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    ProfileRecord,
    TrainingSetRecord,
)
from keyhole.bench.results import Results
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError
from keyhole.targets.target import defence_name

R = TypeVar("R", LatencyRecord, AccuracyRecord, LeakRecord, ProfileRecord, TrainingSetRecord)

_ROUNDING = 1e-3
"""That scores of the same picture may be apart, measured on two machines."""


@dataclass(frozen=True)
class TrainedDefence:
    """What a defended target is.

    Attributes:
        base: target that it was made of.
        name: of the defence that was trained into it.
    """

    base: str
    name: str


def trained_defences(spelled: Sequence[str], targets: Sequence[str]) -> dict[str, TrainedDefence]:
    """``TARGET=BASE+DEFENCE``, each, by TARGET.

    Raises:
        UsageError: it is written otherwise, or the run has no such targets.
    """
    found = {}
    for text in spelled:
        target, equals, rest = text.partition("=")
        base, plus, defence = rest.rpartition("+")
        if not (equals and plus and target and base and defence):
            raise UsageError(f"--defended {text}: expected TARGET=BASE+DEFENCE, as pruned:patrol=resnet18+patrol")
        for name in (target, base):
            if name not in targets:
                raise UsageError(f"--defended {text}: the run has no target {name!r}, only {', '.join(targets)}")
        found[target] = TrainedDefence(base, defence)
    return found


def with_trained_defences(results: Results, known: Mapping[str, TrainedDefence]) -> Results:
    """The results with designs of defended targets as designs of their base, under the defence.

    So accuracy is lost against the base, what leaks is told on its scale, and all of them are candidates of one
    recommendation.

    Raises:
        UsageError: a target and its base were measured on other pictures, or attacked in other classes.
    """
    for target, trained in known.items():
        _check_same_pictures(results, target, trained.base)
    return replace(
        results,
        latencies=_renamed(results.latencies, known),
        accuracies=_renamed(results.accuracies, known),
        leaks=_renamed(results.leaks, known),
        profiles=_renamed(results.profiles, known),
        training_sets=_renamed(results.training_sets, known),
    )


def _check_same_pictures(results: Results, target: str, base: str) -> None:
    """Refuse to compare what does not compare; what a run does not tell of its pictures is not asked."""
    sizes = [picture_size_of(results.provenance, name) for name in (target, base)]
    scales = [results.scale(name) for name in (target, base)]
    why = ""
    if None not in sizes and sizes[0] != sizes[1]:
        why = f"pictures of {sizes[0]}, and {base} on pictures of {sizes[1]}"
    elif scales[0] and scales[1] and not _same(scales[0].thumbnails, scales[1].thumbnails):
        why = f"other pictures than {base}, by the scores of their thumbnails"
    elif all(pictured := [_pictured(results, name) for name in (target, base)]) and pictured[0] != pictured[1]:
        why = f"other classes of its training set than {base}"
    if why:
        raise UsageError(
            f"--defended {target}={base}+…: {target} was measured on {why}, so their figures do not compare; measure "
            "both in one run from the start, with one --size"
        )


def _pictured(results: Results, target: str) -> set[str]:
    """The classes of a target that its training set was attacked in."""
    return {name for found in results.training_sets if found.design.target == target for name in found.classes}


def _same(one: ThumbnailScale, other: ThumbnailScale) -> bool:
    """Whether two scales are of the same pictures, as far as those go that both have."""
    if one.sides != other.sides:
        return False
    count = min(one.count, other.count)
    shared = [name for name in one.scores if name in other.scores]
    return all(
        np.allclose(one.first(count).scores[name], other.first(count).scores[name], rtol=0, atol=_ROUNDING)
        for name in shared
    )


def _renamed(records: Sequence[R], known: Mapping[str, TrainedDefence]) -> tuple[R, ...]:
    return tuple(replace(record, design=_design(record.design, known)) for record in records)


def _design(design: Design, known: Mapping[str, TrainedDefence]) -> Design:
    trained = known.get(design.target)
    if trained is None:
        return design
    return replace(design, target=trained.base, defence=defence_name(trained.name, design.defence))
