"""How the mirror network is trained: hyper-parameters as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """Training while in use, without a known end: a constant rate, and averaged weights that are published.

    Attributes:
        first: pictures asked for before the first step.
        query: pictures per query after that.
        every: steps between queries.
        batch: pairs per step.
        learning_rate: of AdamW.
        warm_up: steps over which it rises.
        averaging: decay of the averaged weights.
        publish: steps between publications.
        tv_weight: λ_s of Eq. 11 of the feature-inversion paper; 0 leaves Eq. 5.
        megabytes: memory for answers; the oldest leave.
        layers: transposed convolutions of the network; None: as the payload's shapes suggest.
    """

    first: int = 96
    query: int = 8
    every: int = 4
    batch: int = 8
    learning_rate: float = 3e-3
    warm_up: int = 20
    averaging: float = 0.99
    publish: int = 10
    tv_weight: float = 0.0
    megabytes: float = 256.0
    layers: int | None = None


DEFAULT_TRAINING = Training()
