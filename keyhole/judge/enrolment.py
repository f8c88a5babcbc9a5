"""Enrolled pictures: what somebody who looks for a vehicle has of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from keyhole.data.sample import eight_bit
from keyhole.data.streetcam.camera import FRAMINGS, VIEWPOINTS
from keyhole.data.streetcam.pools import IDENTITIES, POOLS
from keyhole.data.streetcam.stream import Streetcam
from keyhole.judge.identity import SIDE

Enrolment = Callable[[str], Tensor | None]
"""RGB pictures in [0, 1], N×3×H×W, of an identity; None where there are none."""

_OCCASION = 2**30
"""Number of the passes, further on than any stream comes: weather, time and people are not those of its pictures."""
_CAMERAS = range(len(VIEWPOINTS) * FRAMINGS.index("middle"), len(VIEWPOINTS) * FRAMINGS.index("far"))


def streetcam_views(identity: str) -> Tensor | None:
    """See `Enrolment`: a vehicle of streetcam from all eight sides, each on an occasion of its own.

    Args:
        identity: its number; None is returned for other words.
    """
    if not identity.isdecimal() or int(identity) >= len(POOLS) * IDENTITIES:
        return None
    return eight_bit(_drawn(int(identity)))


@lru_cache(maxsize=256)
def _drawn(number: int) -> Tensor:
    pool, place = divmod(number, IDENTITIES)
    source = Streetcam(POOLS[pool], SIDE)
    shots = [source.shot(place, camera, _OCCASION) for camera in _CAMERAS]
    return torch.stack([torch.from_numpy(shot.picture).permute(2, 0, 1) for shot in shots])
