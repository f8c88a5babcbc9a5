"""The pictures that a prior learns from, and those that it is measured on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import cast

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.sample import Pool
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, Subset
from keyhole.data.source import NAMED, open_source
from keyhole.data.streetcam.pools import Pool as StreetcamPool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.train.pictures import read
from keyhole.train.prior.settings import PriorSettings


def learned_from(settings: PriorSettings, folder: Path, console: Console) -> Tensor:
    """Pictures of the settings' pool, uint8 N×3×size×size; drawn ones are kept in ``folder``.

    Raises:
        FileNotFoundError: no data there.
        ValueError: a damaged file, or no such data.
    """
    return _pictures(settings, settings.pool, settings.pictures, folder, console)


def measured_on(settings: PriorSettings, folder: Path, console: Console) -> Tensor:
    """Pictures of the pool ``audit``, like `learned_from`."""
    return _pictures(settings, "audit", settings.audit, folder, console)


def _pictures(settings: PriorSettings, pool: str, count: int, folder: Path, console: Console) -> Tensor:
    spec, size = settings.data, settings.size
    streamed = "+" in spec and not Path(spec).expanduser().exists()
    if spec != "streetcam" and (spec in NAMED or streamed):
        source = open_source(spec, pool=cast(Pool, pool), size=size, seed=settings.seed)
        return torch.stack([(sample.picture * 255).round().to(torch.uint8) for sample in islice(source, count)])
    collection = _streetcam(pool, size, count) if spec == "streetcam" else _some(spec, pool, count, settings.seed)
    return read(collection, size, workers=settings.workers, folder=folder, console=console)[0]


def _streetcam(pool: str, size: int, count: int) -> Collection:
    """As many vehicles as pictures, before one camera after the other."""
    return Passes(Streetcam(cast(StreetcamPool, pool), drawn_at(size)), vehicles=count, views=1)


def _some(spec: str, pool: str, count: int, seed: int) -> Collection:
    whole = open_collection(spec, pool)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    return Subset(whole, tuple(sorted(order[:count].tolist())))
