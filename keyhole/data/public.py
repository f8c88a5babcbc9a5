"""Pictures that an attacker may learn from, kept apart from those that the victim shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import chain, count, islice
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from keyhole.data.sample import Pool, Sample
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.collection import Listing
from keyhole.data.sets.layout import FilePicture
from keyhole.data.source import open_source
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

_WORDNET = re.compile(r"^n\d{8}_(?=.)")
_HASHED = 8
"""Pictures that a hash is taken of."""
_LOOKED_AT = 256
"""Pictures on end without a class that is asked for, after which none is expected."""


def public_pictures(spec: str, size: Size, seed: int) -> Iterator[Tensor]:
    """An endless iterator over the public pool, half of the pictures mirrored.

    Pictures are not cropped: an attacker who learns from enlarged parts expects things to be larger than the victim
    shows them.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: in pixels.
        seed: of pictures and their order.

    Returns:
        RGB in [0, 1], 3×H×W each, in steps of 1/255.

    Raises:
        UsageError: no such pictures.

    >>> next(public_pictures("leaves", 32, seed=0)).shape
    torch.Size([3, 32, 32])
    """
    try:
        source = open_source(spec, pool="public", size=size, seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return map(partial(_mirrored, random=torch.Generator().manual_seed(seed)), source)


def labelled_pictures(spec: str, size: Size, seed: int, classes: Sequence[str]) -> Iterator[tuple[Tensor, int]]:
    """An endless iterator over those of the public pool that show one of some classes, half of them mirrored.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: in pixels.
        seed: of pictures and their order.
        classes: names; ``n01742172_boa_constrictor`` of a data set is ``boa constrictor`` too.

    Returns:
        RGB in [0, 1], 3×H×W each, with the place of its class among them.

    Raises:
        UsageError: no such pictures, no classes, or none of the first pictures shows one.
    """
    if not classes:
        raise UsageError("the target names no classes, and this attack learns from public pictures of them")
    places = {_plain(name): place for place, name in enumerate(classes)}
    try:
        source = open_source(spec, pool="public", size=size, seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return _of_classes(spec, source, places, torch.Generator().manual_seed(seed))


def described_pictures(spec: str, size: Size, seed: int) -> Iterator[tuple[Tensor, str]]:
    """An endless iterator over those of the public pool that have a caption. None is mirrored: captions tell left from
    right.

    Args:
        spec: as in `keyhole.data.open_source`.
        size: in pixels.
        seed: of pictures and their order.

    Returns:
        RGB in [0, 1], 3×H×W each, with its caption.

    Raises:
        UsageError: no such pictures, or none of the first ones has a caption.

    >>> next(described_pictures("streetcam", 64, seed=0))[1]
    'a two-tone brown pickup truck with a roof rack on a snow field by day, seen from the rear-left'
    """
    try:
        source = open_source(spec, pool="public", size=size, seed=seed)
    except FileNotFoundError as error:
        raise UsageError(f"--public: {error}") from error
    return _with_captions(spec, source)


def _with_captions(spec: str, source: Iterable[Sample]) -> Iterator[tuple[Tensor, str]]:
    missed = 0
    for sample in source:
        if sample.caption:
            missed = 0
            yield sample.picture, sample.caption
        else:
            missed += 1
        if missed == _LOOKED_AT:
            raise UsageError(
                f"--public {spec}: of {missed} pictures on end none has a caption, and an attack that trains through a "
                "diffusion model which is told a text needs one of each: name streetcam, or a folder or zip with "
                "captions.csv (file_name,text), metadata.jsonl or a text file beside each picture"
            )


def _plain(name: str) -> str:
    return _WORDNET.sub("", name).replace("_", " ").casefold()


def _of_classes(
    spec: str, source: Iterable[Sample], places: Mapping[str, int], random: torch.Generator
) -> Iterator[tuple[Tensor, int]]:
    missed = 0
    for sample in source:
        place = places.get(_plain(sample.label or ""))
        if place is not None:
            missed = 0
            yield _mirrored(sample, random), place
        else:
            missed += 1
        if missed == _LOOKED_AT:
            raise UsageError(
                f"--public {spec}: of {missed} pictures on end none shows a class of the target, such as "
                f"{next(iter(places))}: this attack learns from pictures of its classes"
            )


class RememberedPictures:
    """Pictures, or clips, that are drawn once and may be read several times, for attacks that learn from the same ones
    in turn.

    A picture of 128 pixels takes 48 KiB for as long as this lives.

    Args:
        draw: opens the pictures (RGB in steps of 1/255, 3×H×W each) on first use.
        most: pictures that are remembered, the first ones; None: all. Those after them are drawn by each who reads
            them.
    """

    def __init__(self, draw: Callable[[], Iterator[Tensor]], most: int | None = None) -> None:
        self._draw = draw
        self._most = most
        self._left = False
        self._kept: list[Tensor] = []
        self._lock = Lock()

    def __call__(self) -> Iterator[Tensor]:
        """The pictures from the first one on.

        Raises:
            UsageError: there are none.
        """
        with self._lock:
            source = self._source
        picture = partial(self._picture, source)
        if self._most is None:
            return map(picture, count())
        return chain(map(picture, range(self._most)), self._after(source, self._most))

    @cached_property
    def _source(self) -> Iterator[Tensor]:
        return self._draw()

    def _after(self, source: Iterator[Tensor], most: int) -> Iterator[Tensor]:
        """Those that are not remembered. Who comes first goes on with the source, which others have to open again."""
        with self._lock:
            left, self._left = self._left, True
        yield from islice(self._draw(), most, None) if left else source

    def _picture(self, source: Iterator[Tensor], index: int) -> Tensor:
        with self._lock:
            if index == len(self._kept):
                self._kept.append((next(source) * 255).round().to(torch.uint8))
        return self._kept[index].float() / 255


class RememberedQueries:
    """Pictures with captions that are drawn once and may be read several times; see `RememberedPictures`.

    Args:
        draw: opens both on first use.
    """

    def __init__(self, draw: Callable[[], Iterator[tuple[Tensor, str]]]) -> None:
        self._draw = draw
        self._captions: list[str] = []
        self._pictures = RememberedPictures(self._noted)

    def __call__(self) -> Iterator[tuple[Tensor, str]]:
        """The pictures from the first one on, each with its caption.

        Raises:
            UsageError: there are none.
        """
        return ((picture, self._captions[place]) for place, picture in enumerate(self._pictures()))

    def _noted(self) -> Iterator[Tensor]:
        for picture, caption in self._draw():
            self._captions.append(caption)
            yield picture


def _mirrored(sample: Sample, random: torch.Generator) -> Tensor:
    heads = torch.rand((), generator=random) < 0.5
    return sample.picture.flip(-1) if heads else sample.picture


@lru_cache(maxsize=4)
def public_hash(spec: str, size: Size) -> str:
    """Twelve hexadecimal digits that change with the public pictures of a spec: with the first ones as they are drawn,
    and with the names and sizes of all files.

    Args:
        spec: as in `public_pictures`.
        size: in pixels.

    Raises:
        UsageError: no such pictures.
    """
    first = torch.stack(list(islice(public_pictures(spec, size, seed=0), _HASHED)))
    digest = hashlib.sha256((first * 255).round().to(torch.uint8).numpy().tobytes())
    for part in _parts(spec):
        name, _, root = part.partition(":")
        if not Path(root if name in SETS and root else part).expanduser().exists():
            continue
        collection = open_collection(part, "public")
        if isinstance(collection, Listing):
            entries = ((entry.name, getattr(entry.read, "size", 0)) for entry in collection.entries)
            digest.update(repr(sorted(entries)).encode())
    return digest.hexdigest()[:12]


def check_apart(source: str, public: str) -> None:
    """Refuse pictures that both the victim shows and the attacker learns from.

    The pools of one spec never share a picture. Those of a folder and of a folder around it may.

    Args:
        source: spec of the pictures whose pool ``audit`` is shown, as for `keyhole.data.open_source`.
        public: spec of the pictures whose pool ``public`` is learned from.

    Raises:
        UsageError: they share a picture.
        MissingError: there are none.
    """
    for shown in _parts(source):
        for learned in _parts(public):
            if shown == learned or not _nested(_root(shown), _root(learned)):
                continue
            common = set(_files(shown, "audit")) & set(_files(learned, "public"))
            if common:
                raise UsageError(
                    f"{len(common)} pictures of --source {shown} are among those of --public {learned}, such as "
                    f"{min(common)}: name the same in both, or folders that hold other pictures"
                )


def _parts(spec: str) -> list[str]:
    return [spec] if Path(spec).expanduser().exists() else spec.split("+")


def _root(spec: str) -> Path:
    name, _, root = spec.partition(":")
    return Path(root if name in SETS and root else spec).expanduser().resolve()


def _nested(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and (one.is_relative_to(other) or other.is_relative_to(one))


def _files(spec: str, pool: Pool) -> Iterator[Path]:
    collection = open_collection(spec, pool)
    if isinstance(collection, Listing):
        for entry in collection.entries:
            if isinstance(entry.read, FilePicture):
                yield entry.read.place.resolve()
