"""No defence: the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from keyhole.defences.defence import Defence, Features


@dataclass(frozen=True)
class NoDefence(Defence):
    """Lets the features through."""

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        """``features`` as they are."""
        return features

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """Both as they are."""
        return features, observed


UNPROTECTED = NoDefence()
