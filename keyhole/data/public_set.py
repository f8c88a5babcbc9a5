"""The attacker's finite set of public pictures: always the same ones in the same order, none of a private class."""

from __future__ import annotations

import hashlib
from collections.abc import Collection as Names
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import read_pictures
from keyhole.data.labelled import readable
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, Subset
from keyhole.data.streetcam.pools import POOLS, VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

SHIFTED: VehiclePool = "public-shifted"
"""Of streetcam: other vehicles by other cameras. Its pool `public` is so like the private one that the best-liked
public picture shows the vehicle already."""
_VIEWS = 4


@dataclass(frozen=True)
class PublicSet:
    """Which public pictures an attacker has, not read yet.

    Attributes:
        spec: streetcam, a data set as SET:PATH, or a folder or zip.
        part: of it. Empty: the pool ``public``; of streetcam `SHIFTED`.
        count: pictures at most; where there are more, they are taken at even steps.
        flag: that names them, for messages.
    """

    spec: str
    part: str = ""
    count: int = 4096
    flag: str = "--public"

    @property
    def taken(self) -> str:
        """The part, where none is named too."""
        return self.part or (SHIFTED if self.spec == STREETCAM else "public")

    def read(self, size: Size, private: Names[str], *, workers: int, folder: Path, console: Console) -> Tensor:
        """The pictures, N×3×H×W in [0, 1].

        Args:
            size: in pixels.
            private: names of the classes of which none may be shown.
            workers: processes that draw or read; 0: this one.
            folder: where drawn pictures are kept.
            console: shows the progress.

        Raises:
            MissingError: no pictures there.
            UsageError: one shows a private class, or no such part.
        """
        pictures = self.open(size)
        if shared := sorted(shown_names(pictures) & set(private)):
            raise UsageError(
                f"{self.flag} {self.spec}: it shows {len(shared)} of the private classes, such as {shared[0]!r}; an "
                "attacker's pictures must show none: name others, or another part of them"
            )
        read, _ = read_pictures(pictures, size, workers=workers, folder=folder, console=console)
        return read[: self.count].float() / 255

    def open(self, size: Size) -> Collection:
        """List the pictures; none is read.

        Raises:
            MissingError: no pictures there.
            UsageError: no such part.
        """
        if self.spec == STREETCAM:
            pool = next((pool for pool in POOLS if pool == self.taken), None)
            if pool is None:
                raise UsageError(f"{self.flag}-part {self.taken}: streetcam has the pools {', '.join(POOLS)}")
            return Passes(Streetcam(pool, drawn_at(size)), -(-self.count // _VIEWS), min(self.count, _VIEWS))
        whole = open_collection(self.spec, self.taken)
        if len(whole) <= self.count:
            return whole
        return Subset(whole, tuple(at * len(whole) // self.count for at in range(self.count)))


def shown_names(pictures: Collection) -> set[str]:
    """Identities and classes that pictures are known to show, by the names that targets have."""
    known = pictures.classes
    found: set[str | None] = set()
    for index in range(len(pictures)):
        facts = pictures.facts(index)
        found |= {facts.identity, known[facts.label] if known and facts.label is not None else None}
    return {form for name in found if name is not None for form in (name, readable(name))}


def pictures_hash(pictures: Tensor) -> str:
    """Twelve hexadecimal digits that change with pictures, N×3×H×W in [0, 1]."""
    levels = (pictures * 255).round().to(torch.uint8).contiguous()
    return hashlib.sha256(levels.numpy().data).hexdigest()[:12]
