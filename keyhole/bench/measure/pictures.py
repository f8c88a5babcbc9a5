"""The pictures that cross the split: the same for every cell of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from keyhole.bench.setup import Terms
from keyhole.data import Sample, open_source, taken
from keyhole.sizes import Size

SEED = 0
"""Of the pictures. The seeds of the plan are those of the attacks."""


def audit_pictures(terms: Terms, size: Size, count: int, *, secrets: bool = False) -> Sequence[Sample]:
    """The first ``count`` pictures of the audit pool at a size.

    Raises:
        FileNotFoundError: no such pictures.
    """
    return _audit(terms.source, size, count, secrets)


@lru_cache(maxsize=2)
def _audit(spec: str, size: Size, count: int, secrets: bool) -> Sequence[Sample]:
    source = open_source(spec, pool="audit", size=size, seed=SEED, secrets=secrets)
    return tuple(taken(source, count))
