"""Two specs that name pictures of one folder: what a victim shows is kept from what an attacker learns from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keyhole.data.pools import Pool
from keyhole.data.sets.files import FilePicture
from keyhole.data.sets.listing import Listing
from keyhole.data.sets.open import open_collection
from keyhole.data.sets.table import SETS
from keyhole.service.errors import UsageError


def check_apart(source: str, public: str) -> None:
    """Refuse pictures that the victim shows and the attacker learns from.

    The pools of one spec never share a picture; those of a folder and of another folder around it may.

    Args:
        source: whose pool ``audit`` is shown, as for `keyhole.data.open_source`.
        public: whose pool ``public`` is learned from.

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
