"""The standard attack suite: every cell of an attack gets the same budget, so that two people's numbers compare.

A figure is that of a suite by its name; who needs other budgets has another suite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Spend:
    """What one attack may spend on one cell.

    Attributes:
        n: pictures that are attacked.
        iterations: of an optimiser for each picture; steps of the training for an attack that learns.
        queries: pictures that an attack that learns asks its oracle about; None: as many as it has use for.
        batch: pictures that are attacked together.
    """

    n: int
    iterations: int
    queries: int | None = None
    batch: int = 4


SuiteName = Literal["quick", "standard", "paper"]
Suite = Mapping[str, Spend]

SUITES: Mapping[SuiteName, Suite] = MappingProxyType(
    {
        "quick": {
            "pixels-white": Spend(n=4, iterations=150),
            "pixels-black": Spend(n=16, iterations=150, queries=384, batch=16),
            "decoder-white": Spend(n=2, iterations=120, batch=2),
            "decoder-black": Spend(n=8, iterations=100, queries=384),
            "diffusion-white": Spend(n=2, iterations=120, batch=2),
            "diffusion-black": Spend(n=8, iterations=100, queries=384),
        },
        "standard": {
            "pixels-white": Spend(n=16, iterations=200),
            "pixels-black": Spend(n=100, iterations=300, queries=696, batch=20),
            "decoder-white": Spend(n=8, iterations=260),
            "decoder-black": Spend(n=100, iterations=300, queries=696),
            "diffusion-white": Spend(n=8, iterations=260),
            "diffusion-black": Spend(n=24, iterations=300, queries=696),
        },
        "paper": {
            "pixels-white": Spend(n=100, iterations=1500),
            "pixels-black": Spend(n=100, iterations=3072, queries=4096, batch=20),
            "decoder-white": Spend(n=100, iterations=600),
            "decoder-black": Spend(n=100, iterations=3072, queries=4096),
            "diffusion-white": Spend(n=100, iterations=600),
            "diffusion-black": Spend(n=100, iterations=3072, queries=4096),
        },
    }
)
"""The recipe is `strong` throughout (`keyhole.attacks.registry`): the best that each attack has, not the published
one. Dear attacks see fewer pictures in `quick` and `standard`: the first of the same ones."""
