"""A stored run's results."""

from __future__ import annotations

from pathlib import Path

from bench.records import Results


def stored(run: Path) -> Results:
    """See `bench.store.results.open_results`; loaded when it is called, for it takes time."""
    from bench.store.results import open_results  # noqa: PLC0415

    return open_results(run)
