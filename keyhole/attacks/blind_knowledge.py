"""What an attacker knows who sees no frame: public pictures and a prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import torch
from torch import Tensor

from keyhole.nn.device import CPU
from keyhole.priors.prior import Prior
from keyhole.sizes import Size

REMEMBERED = 128
"""Public pictures that a blind attacker looks at."""


@dataclass(frozen=True)
class Blind:
    """What the blind attacker knows: the world, and nothing of the victim.

    Attributes:
        public: opens endless RGB pictures in [0, 1], 3×H×W, none of them the victim's.
        size: of the picture in pixels.
        prior: loads what it knows of pictures.
        device: where it computes.
    """

    public: Callable[[], Iterator[Tensor]]
    size: Size
    prior: Callable[[], Prior]
    device: torch.device = CPU

    @cached_property
    def pictures(self) -> Tensor:
        """The first `REMEMBERED` public pictures, N×3×H×W."""
        return torch.stack(list(islice(self.public(), REMEMBERED)))

    @cached_property
    def mean(self) -> Tensor:
        """Their mean, 3×H×W."""
        return self.pictures.mean(dim=0)
