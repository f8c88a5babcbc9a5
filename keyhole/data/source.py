"""Where pictures come from: one name or path, one endless stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Protocol

from keyhole.data.folder import PictureFolder, Pictures
from keyhole.data.leaves import DeadLeaves
from keyhole.data.photos import PannedPhotos, Photos, public_photos, victim_photos
from keyhole.data.sample import Sample
from keyhole.data.streetcam.stream import Streetcam

Pool = Literal["public", "audit"]


class Source(Protocol):
    """An endless stream of samples, the same for the same seed."""

    def __iter__(self) -> Iterator[Sample]: ...


@dataclass(frozen=True)
class Turns:
    """Several sources that take turns."""

    sources: tuple[Source, ...]

    def __iter__(self) -> Iterator[Sample]:
        streams = [iter(source) for source in self.sources]
        while True:
            for stream in streams:
                yield next(stream)


def open_source(spec: str, *, pool: Pool, size: int, seed: int = 0) -> Source:
    """Open a stream of pictures.

    Args:
        spec: ``photos`` (real photographs that come with the libraries), ``leaves`` (synthetic pictures),
            ``streetcam`` (drawn vehicles before surveillance cameras), the path of
            a folder or zip of pictures, or several of these joined by ``+``, which take turns.
        pool: ``audit``: what the victim sees and attacks are scored on; ``public``: what the attacker may train on.
            The two never share a picture.
        size: side of the pictures, in pixels.
        seed: of the order and the crops.

    Raises:
        FileNotFoundError: neither a known name nor an existing path.
    """
    if "+" in spec and not Path(spec).exists():
        return Turns(tuple(open_source(part, pool=pool, size=size, seed=seed) for part in spec.split("+")))
    path = Path(spec).expanduser()
    if spec in NAMED:
        return NAMED[spec](pool, size, seed)
    if not path.exists():
        near = get_close_matches(spec, NAMED, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise FileNotFoundError(
            f"no picture source {spec!r}: {hint}it is one of {', '.join(sorted(NAMED))}, or the path of a folder or zip"
        )
    for under in _POOL_FOLDERS[pool]:
        folder = PictureFolder(path, under)
        if folder.exists():
            return Pictures(folder, size, seed)
    return Pictures(PictureFolder(path), size, seed, (("audit", "public").index(pool), 2))


_POOL_FOLDERS: dict[Pool, tuple[str, ...]] = {
    "public": ("public", "train"),
    "audit": ("audit", "private", "val", "test"),
}

NAMED: dict[str, Callable[[Pool, int, int], Source]] = {
    "photos": lambda pool, size, seed: (
        PannedPhotos(victim_photos(), size, seed) if pool == "audit" else Photos(public_photos(), size, seed)
    ),
    "leaves": lambda pool, size, seed: DeadLeaves(size, 2 * seed + (pool == "public")),
    "streetcam": Streetcam,
}
