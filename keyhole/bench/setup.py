"""What decides a cell's figures besides its place on the axes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from keyhole.attacks.entry import Suite
from keyhole.bench.presets import PRESETS, Scale
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.partition.plan import INPUT, OUTPUT
from keyhole.sizes import Size
from keyhole.targets import ModelSettings


@dataclass(frozen=True)
class Terms:
    """The same for all cells of a run; figures of runs with other terms do not compare.

    Attributes:
        preset: whose scale, and the suite of the attacks' budgets.
        source, public, prior, classes, identities, weights, size, threads: as `bench.settings.PlanSettings` has them,
            with ``""`` and None for what is absent.
    """

    preset: Suite
    source: str
    public: str
    prior: str
    classes: str
    identities: str
    weights: str
    size: Size | None
    threads: int

    @property
    def scale(self) -> Scale:
        """How much is measured for a cell."""
        return PRESETS[self.preset].scale


@dataclass(frozen=True)
class Setup:
    """What a measuring function gets besides its cell.

    Attributes:
        terms: of the run.
        run: its folder.
    """

    terms: Terms
    run: Path

    def model(self, target: str) -> ModelSettings:
        """The flags that name a target."""
        return ModelSettings(target=target, weights=self.terms.weights or None, size=self.terms.size)


def cut_of(design: Design) -> str:
    """The cut that a design is, its name for a baseline: nothing, or everything, runs on the edge."""
    return _BASELINES.get(design.cut, design.cut)


_BASELINES = MappingProxyType({CLOUD_ONLY: INPUT, EDGE_ONLY: OUTPUT})
