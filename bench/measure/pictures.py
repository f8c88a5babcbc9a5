"""The pictures that cross the split: the same for every cell of a run."""

from __future__ import annotations

import itertools

from bench.setup import Terms
from keyhole.data import Sample, open_source

SEED = 0
"""Of the pictures. The seeds of the plan are those of the attacks."""


def audit_pictures(terms: Terms, size: int, count: int, *, secrets: bool = False) -> list[Sample]:
    """The first ``count`` pictures of the audit pool at ``size`` pixels.

    Raises:
        FileNotFoundError: no such pictures.
    """
    source = open_source(terms.source, pool="audit", size=size, seed=SEED, secrets=secrets)
    return list(itertools.islice(source, count))
