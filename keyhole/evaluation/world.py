"""What attackers know whether or not they see features: public pictures, clips and priors, opened once for several."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import torch
from torch import Tensor

from keyhole.attacks.blind_knowledge import Blind
from keyhole.data.clips import Window, public_clips
from keyhole.data.public import RememberedPictures, RememberedQueries, described_pictures, public_pictures
from keyhole.evaluation.settings import OfflineSettings
from keyhole.nn.device import device_named
from keyhole.priors.prior import Prior, load_prior
from keyhole.sizes import Size


def blind_access(settings: OfflineSettings, size: Size, seed: int) -> Blind:
    """What every attacker knows, whether it sees features or not.

    Args:
        settings: name the public pictures, the prior and the device.
        size: of the pictures, in pixels.
        seed: of the public pictures.
    """
    device = device_named(settings.device)
    prior = partial(prior_named, settings.prior, device, next(iter(settings.text), None))
    return Blind(_public(settings.public, size, seed), size, prior, device)


@lru_cache(maxsize=1)
def prior_named(name: str, device: torch.device, text: str | None = None) -> Prior:
    """`load_prior`, loaded once for several attacks in turn."""
    return load_prior(name, device=device, text=text)


@lru_cache(maxsize=1)
def _public(spec: str, size: Size, seed: int) -> RememberedPictures:
    """Public pictures, opened once for several attacks in turn."""
    return RememberedPictures(partial(public_pictures, spec, size, seed))


@lru_cache(maxsize=1)
def described(spec: str, size: Size, seed: int) -> RememberedQueries:
    """Public pictures with captions, opened once for several attacks in turn."""
    return RememberedQueries(partial(described_pictures, spec, size, seed))


def known_clips(settings: OfflineSettings, frames: int, size: Size, seed: int) -> Iterator[Tensor]:
    """Public clips of so many frames, K×3×H×W each, endless.

    Args:
        settings: name the public pictures and the stride.
        frames: K.
        size: of the pictures, in pixels.
        seed: of the clips.
    """
    return _public_clips(settings.public, Window(frames, settings.stride), size, seed)()


@lru_cache(maxsize=1)
def _public_clips(spec: str, window: Window, size: Size, seed: int) -> RememberedPictures:
    """Public clips, opened once for several attacks in turn."""
    return RememberedPictures(partial(public_clips, spec, window, size, seed))
