"""Trained defences: designs of a defended target as designs of its base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from keyhole.bench.records import AccuracyRecord, Design, LatencyRecord, LeakRecord, ProfileRecord, Results
from keyhole.service.errors import UsageError
from keyhole.targets.target import defence_name

R = TypeVar("R", LatencyRecord, AccuracyRecord, LeakRecord, ProfileRecord)


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

    So accuracy is lost against the base, and all of them are candidates of one recommendation.
    """
    return replace(
        results,
        latencies=_renamed(results.latencies, known),
        accuracies=_renamed(results.accuracies, known),
        leaks=_renamed(results.leaks, known),
        profiles=_renamed(results.profiles, known),
    )


def _renamed(records: Sequence[R], known: Mapping[str, TrainedDefence]) -> tuple[R, ...]:
    return tuple(replace(record, design=_design(record.design, known)) for record in records)


def _design(design: Design, known: Mapping[str, TrainedDefence]) -> Design:
    trained = known.get(design.target)
    if trained is None:
        return design
    return replace(design, target=trained.base, defence=defence_name(trained.name, design.defence))
