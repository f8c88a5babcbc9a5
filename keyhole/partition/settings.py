"""Flags of `keyhole cuts`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from keyhole.sizes import OptionalSizeFlag


@dataclass(frozen=True)
class CutsSettings:
    """List the points at which a model can be cut, and what each costs.

    For each point: what crosses (shape for one picture, KiB by codec) and what the edge must hold and compute
    (parameters, MiB, multiply-accumulates). By default the ends of blocks, where one tensor is live.
    """

    model: tyro.conf.Positional[str]
    """Model to profile: a name that `keyhole targets` lists, or package.module:factory."""
    weights: str | None = None
    """Weights of the model: a safetensors file, a state dict, or `pretrained`. The costs do not depend on them."""
    size: OptionalSizeFlag = None
    """Size of the picture in pixels: a side (128), or height and width (256x128). Absent: the model's own."""
    all: bool = False
    """Every operation after which the model can be cut, also where several tensors are live."""
    json: Path | None = None
    """File that the table is also written to, as JSON."""
