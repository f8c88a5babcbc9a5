"""Results of a run: the records of all its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keyhole.bench.records import (
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    ProfileRecord,
    ScaleRecord,
    TrainingSetRecord,
)


@dataclass(frozen=True)
class Failure:
    """A cell that did not end: its name and its error."""

    cell: str
    error: str


@dataclass(frozen=True)
class Results:
    """All that a run has measured so far.

    Attributes:
        provenance: plan, machine, versions, seeds and command line, as the report prints them.
        latencies, accuracies, leaks, profiles, failures: the finished cells.
        scales: one for each target; none in a run of before there were any.
        training_sets: what is seen of the training sets of its targets, by design and attack; none where that was not
            asked for.
    """

    provenance: Mapping[str, str] = field(default_factory=dict)
    latencies: Sequence[LatencyRecord] = ()
    accuracies: Sequence[AccuracyRecord] = ()
    leaks: Sequence[LeakRecord] = ()
    profiles: Sequence[ProfileRecord] = ()
    failures: Sequence[Failure] = ()
    scales: Sequence[ScaleRecord] = ()
    training_sets: Sequence[TrainingSetRecord] = ()

    def scale(self, target: str) -> ScaleRecord | None:
        """The scale of a target's pictures; None where it was not measured."""
        return next((record for record in self.scales if record.design.target == target), None)

    @property
    def designs(self) -> tuple[Design, ...]:
        """Every design that anything was measured of, in the order of the run's plan."""
        records = (self.profiles, self.accuracies, self.latencies, self.leaks, self.training_sets)
        return tuple(dict.fromkeys(record.design for kind in records for record in kind))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets of the designs."""
        return tuple(dict.fromkeys(design.target for design in self.designs))

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the links over which anything was timed."""
        return tuple(dict.fromkeys(latency.link for latency in self.latencies))
