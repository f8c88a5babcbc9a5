"""Several frames of a still scene: fresh noise in each, which whoever sees them all can average out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.defences.defence import Defence, Features


@dataclass(frozen=True)
class SeveralFrames(Defence):
    """What is left of a defence where several frames of each scene are seen and combined.

    Attributes:
        defence: of each frame.
        frames: of a scene.
        known: the defence as far as the attacker knows it, who combines accordingly.
    """

    defence: Defence
    frames: int
    known: Defence

    def protect(self, features: Features, generator: torch.Generator) -> Features:
        """Protect so many times and combine."""
        return self.known.combine([self.defence.protect(features, generator) for _ in range(self.frames)])

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """As for one frame of what the known defence becomes."""
        return self.known.after(self.frames).comparable(features, observed)

    def unexplained(self, observed: Features) -> Tensor:
        """Likewise."""
        return self.known.after(self.frames).unexplained(observed)
