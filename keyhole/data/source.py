"""Picture sources: one name or path, one endless stream of samples."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch

from keyhole.data.builtin import DeadLeaves, PannedPhotos, Photos, public_photos, victim_photos
from keyhole.data.decoding import resize_and_crop
from keyhole.data.sample import Pool, Sample
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.stream import Shuffled
from keyhole.data.streetcam.stream import DrivingBy, Streetcam, drawn_at
from keyhole.service.errors import MissingError, warn_of_folder_named_alike
from keyhole.sizes import Size, height_width

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resized:
    """A source of square pictures at another size; the places of their secrets move along.

    Attributes:
        source: where they come from.
        size: in pixels.
    """

    source: Iterable[Sample]
    size: Size

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.source:
            levels = (sample.picture * 255).round().to(torch.uint8)
            height, width = height_width(self.size)
            side = max(height, width)
            cut_off = -round((side - width) / 2), -round((side - height) / 2)
            secrets = sample.secrets and sample.secrets.scaled(side / levels.shape[-1]).moved(*cut_off)
            yield dataclasses.replace(sample, picture=resize_and_crop(levels, self.size), secrets=secrets)


class Source(Protocol):
    """An endless stream of samples, the same for the same seed."""

    def __iter__(self) -> Iterator[Sample]: ...


@dataclass(frozen=True)
class AlternatingSources:
    """Several sources that take turns."""

    sources: tuple[Source, ...]

    def __iter__(self) -> Iterator[Sample]:
        streams = [iter(source) for source in self.sources]
        while True:
            for stream in streams:
                yield next(stream)


def open_source(spec: str, *, pool: Pool, size: Size, seed: int = 0, secrets: bool = False) -> Source:
    """Open a stream of pictures.

    Args:
        spec: ``photos`` (real photographs that come with the libraries), ``leaves`` (synthetic pictures),
            ``streetcam`` (drawn vehicles before surveillance cameras), ``streetcam-clips`` (the same driving by, a
            dozen frames each at four a second), a data set's name and its path
            (``veri:/data/VeRi``; `keyhole.data.sets` has the names), the path of a folder or zip of pictures,
            or several of these joined by ``+``, which take turns.
        pool: ``audit``: what the victim sees and attacks are scored on; ``public``: what the attacker may train on.
            The two never share a picture, nor an identity or a clip of a data set.
        size: of the pictures, in pixels: a side, or height and width.
        seed: of the order and the crops.
        secrets: whether samples carry the labels of their secrets, where the source has any. Only who reports to a
            referee asks for them.

    Raises:
        MissingError: neither a known name nor an existing path, or a file of a data set is missing.
        UsageError: a file of a data set is damaged.

    >>> source = open_source("leaves", pool="public", size=(32, 64))
    >>> next(iter(source)).picture.shape
    torch.Size([3, 32, 64])
    """
    name, _, root = spec.partition(":")
    path = Path(root if name in SETS and root else spec).expanduser()
    if "+" in spec and not path.exists():
        parts = spec.split("+")
        opened = (open_source(part, pool=pool, size=size, seed=seed, secrets=secrets) for part in parts)
        return AlternatingSources(tuple(opened))
    if name in SETS and root:
        return Shuffled(open_collection(spec, pool), size, seed)
    if spec in NAMED:
        warn_of_folder_named_alike("picture source", spec)
        return NAMED[spec](pool, size, seed, secrets)
    if not path.exists():
        near = get_close_matches(name, [*NAMED, *SETS], n=1)
        hint = "".join(f"did you mean {known + ':PATH' * (known in SETS)!r}? " for known in near)
        raise MissingError(
            f"no picture source {spec!r}: {hint}it is one of {', '.join(sorted(NAMED))}, the path of a folder or zip, "
            "or SET:PATH with a set that `keyhole data sets` lists"
        )
    return Shuffled(open_collection(spec, pool), size, seed)


def take_samples(source: Source, count: int, every: int = 1) -> list[Sample]:
    """The first samples of a source; a warning says that some come again where it has too few different ones.

    Args:
        source: where they come from.
        count: how many.
        every: one of so many is taken.
    """
    samples = list(islice(source, 0, count * every, every))
    different = len({sample.picture.numpy().tobytes() for sample in samples})
    if different < len(samples):
        _log.warning("of %d pictures only %d are different: some come again", len(samples), different)
    return samples


def resized(samples: Iterable[Sample], drawn: int, size: Size) -> Iterable[Sample]:
    """Samples of ``drawn`` pixels at another size, see `Resized`; as they are where it is theirs."""
    return samples if drawn == size else Resized(samples, size)


def _streetcam(pool: Pool, size: Size, seed: int, secrets: bool) -> Source:
    drawn = drawn_at(size)
    return resized(Streetcam(pool, drawn, seed, secrets=secrets), drawn, size)


def _streetcam_clips(pool: Pool, size: Size, seed: int, secrets: bool) -> Source:
    drawn = drawn_at(size)
    return resized(DrivingBy(Streetcam(pool, drawn, seed, secrets=secrets)), drawn, size)


NAMED: dict[str, Callable[[Pool, Size, int, bool], Source]] = {
    "photos": lambda pool, size, seed, _: (
        PannedPhotos(victim_photos(), size, seed) if pool == "audit" else Photos(public_photos(), size, seed)
    ),
    "leaves": lambda pool, size, seed, _: DeadLeaves(size, 2 * seed + (pool == "public")),
    "streetcam": _streetcam,
    "streetcam-clips": _streetcam_clips,
}
