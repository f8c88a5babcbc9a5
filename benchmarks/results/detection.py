"""Features of a detector's backbone: pixels, decoder and diffusion model at three cuts, beside the paper's order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.class_claims import listed
from benchmarks.results.designs import World
from benchmarks.results.generator_order import GeneratorOrder
from benchmarks.results.steps import Step

TARGET, CUTS = "yolo-streetcam", ("layer1", "layer2", "layer3")
"""The paper cuts a YOLOv2 on a ResNet-50 after its layers 12, 24 and 36, the ends of three stages likewise."""


@dataclass(frozen=True)
class DetectorCuts:
    """A table of scores and one of verdicts (§6.3 and §7.3 of the feature-inversion paper).

    Attributes:
        world: budgets.
    """

    world: World

    @cached_property
    def order(self) -> GeneratorOrder:
        """The attacks, on the backbone alone."""
        return GeneratorOrder("detection", TARGET, CUTS, self.world)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(self.order.attacks.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        return {"detection": self.order.scores(root), "detection-order": listed(list(self.order.claims(root)))}
