"""What a run's records are about."""

from __future__ import annotations

from itertools import chain

from keyhole.bench.records import Design, Results


def designs_of(results: Results) -> tuple[Design, ...]:
    """Every design that anything was measured of, in the order of the run's plan."""
    found = (
        (record.design for record in results.profiles),
        (record.design for record in results.accuracies),
        (record.design for record in results.latencies),
        (record.design for record in results.leaks),
    )
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def targets_of(results: Results) -> tuple[str, ...]:
    """Names of their targets."""
    return tuple(dict.fromkeys(design.target for design in designs_of(results)))


def links_of(results: Results) -> tuple[str, ...]:
    """Names of the links over which anything was timed."""
    return tuple(dict.fromkeys(latency.link for latency in results.latencies))
