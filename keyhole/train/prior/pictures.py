"""The pictures that a prior learns from and is measured on, and what its card says of its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import read_pictures
from keyhole.data.sample import Pool
from keyhole.data.sets.captions import EXPECTED, captions_of
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, Subset
from keyhole.data.source import NAMED, open_source
from keyhole.data.streetcam.pools import VehiclePool as StreetcamPool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.train.prior.settings import KindName, PriorSettings


def recipe_of(settings: PriorSettings) -> dict[str, Any]:
    """The settings that the kind goes by, without paths, licence and seed."""
    own = (*_SHARED, *_OWN[settings.kind])
    return {name: value for name, value in dataclasses.asdict(settings).items() if name.startswith(own)}


_SHARED = ("pool", "pictures", "size", "every", "precision")
_DIFFUSION = ("latent_channels", "widths", "blocks", "unet", "steps", "halved", "batch", "learning_rate", "audit")
_TEXT = ("text_dropout",)
_LABELS = ("top_n", "liked_by")
_OWN: Mapping[KindName, tuple[str, ...]] = MappingProxyType(
    {
        "diffusion": (*_DIFFUSION, *_TEXT),
        "cdm": (*_DIFFUSION, *_LABELS, "null_label", "tuning"),
        "gan": ("gan", "critic", "z"),
        "inversion-gan": ("gan", "critic", "z"),
        "cgan": (*_LABELS, "gan", "critic", "z", "alpha"),
        "students": ("student",),
    }
)
"""What the names of a kind's settings begin with."""


Stage = Literal["autoencoder", "unet", "tuning", "pair", "students"]
_AUTOENCODER = ("latent_channels", "widths", "blocks", "steps", "halved", "batch", "learning_rate")
_UNET = ("autoencoder", *_AUTOENCODER, "unet", *_LABELS, "null_label", "text")
_DECIDES: Mapping[Stage, tuple[str, ...]] = MappingProxyType(
    {
        "autoencoder": _AUTOENCODER,
        "unet": _UNET,
        "tuning": (*_UNET, "tuning"),
        "pair": ("kind", "gan", "critic", "z", "alpha", *_LABELS),
        "students": ("student", "audit"),
    }
)
"""What the names of the settings begin with that a stage's weights depend on, besides those of the pictures."""


def facts_of(settings: PriorSettings, stage: Stage, target_hash: str = "") -> dict[str, Any]:
    """What tells a stage of a training from others, see `keyhole.train.loop.TrainingPlan`.

    Args:
        settings: of the training.
        stage: of it.
        target_hash: of the target whose answers it learns; empty: none.
    """
    own = (*_DECIDES[stage], "data", "pool", "pictures", "size", "precision", "seed")
    chosen = {name: value for name, value in dataclasses.asdict(settings).items() if name.startswith(own)}
    return {**{f"--{name.replace('_', '-')}": value for name, value in chosen.items()}, "target": target_hash}


def count_weights(network: nn.Module) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


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


def captioned(
    settings: PriorSettings, pool: str, count: int, folder: Path, console: Console
) -> tuple[Tensor, list[str]]:
    """Pictures of a pool, uint8 N×3×size×size, and the caption of each.

    Raises:
        UsageError: no captions there.
    """
    if settings.data != STREETCAM and _streamed(settings.data):
        raise UsageError(f"--text: the pictures of {settings.data} have no captions: {EXPECTED}")
    collection = _collection(settings, pool, count)
    captions_of(collection, range(len(collection)), settings.data, "--text")
    pictures, kept = read_pictures(collection, settings.size, workers=settings.workers, folder=folder, console=console)
    return pictures, captions_of(collection, kept, settings.data, "--text")


def _pictures(settings: PriorSettings, pool: str, count: int, folder: Path, console: Console) -> Tensor:
    spec, size = settings.data, settings.size
    if spec != STREETCAM and _streamed(spec):
        source = open_source(spec, pool=cast(Pool, pool), size=size, seed=settings.seed)
        return torch.stack([(sample.picture * 255).round().to(torch.uint8) for sample in islice(source, count)])
    collection = _collection(settings, pool, count)
    return read_pictures(collection, size, workers=settings.workers, folder=folder, console=console)[0]


def _collection(settings: PriorSettings, pool: str, count: int) -> Collection:
    if settings.data == STREETCAM:
        return _streetcam(pool, settings.size, count)
    return _some(settings.data, pool, count, settings.seed)


def finite(settings: PriorSettings, pool: str) -> Collection | None:
    """All pictures of a pool of a data set, folder or zip; None where they have no end or are drawn."""
    return None if settings.data == STREETCAM or _streamed(settings.data) else open_collection(settings.data, pool)


def _streamed(spec: str) -> bool:
    return spec in NAMED or ("+" in spec and not Path(spec).expanduser().exists())


def _streetcam(pool: str, size: int, count: int) -> Collection:
    """As many vehicles as pictures, before one camera after the other."""
    return Passes(Streetcam(cast(StreetcamPool, pool), drawn_at(size)), vehicles=count, views=1)


def _some(spec: str, pool: str, count: int, seed: int) -> Collection:
    whole = open_collection(spec, pool)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    return Subset(whole, tuple(sorted(order[:count].tolist())))
