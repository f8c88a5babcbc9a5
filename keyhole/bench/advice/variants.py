"""Targets that are another one under a defence that is trained in, counted as what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from keyhole.bench.records import Accuracy, Design, Latency, Leak, Profile, Results
from keyhole.service.errors import UsageError
from keyhole.targets.defence import defence_name

Record = TypeVar("Record", Latency, Accuracy, Leak, Profile)


@dataclass(frozen=True)
class Base:
    """Of a defended target: the target that it was made of, and the defence's name."""

    target: str
    defence: str


def bases(spelled: Sequence[str], targets: Sequence[str]) -> dict[str, Base]:
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
        found[target] = Base(base, defence)
    return found


def as_defences(results: Results, known: Mapping[str, Base]) -> Results:
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


def _renamed(records: Sequence[Record], known: Mapping[str, Base]) -> tuple[Record, ...]:
    return tuple(replace(record, design=_design(record.design, known)) for record in records)


def _design(design: Design, known: Mapping[str, Base]) -> Design:
    base = known.get(design.target)
    if base is None:
        return design
    return replace(design, target=base.target, defence=defence_name(base.defence, design.defence))
