"""A stored run's results."""

from __future__ import annotations

import importlib
from pathlib import Path

from bench.records import Results


def stored(run: Path) -> Results:
    """See `bench.store.results.open_results`; loaded when it is called, for it takes time."""
    found: Results = importlib.import_module("bench.store.results").open_results(run)
    return found
