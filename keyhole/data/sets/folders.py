"""A plain folder or zip of pictures as a finite set."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from keyhole.data.decoding import SUFFIXES
from keyhole.data.sets.captions import captions_in, is_of_captions
from keyhole.data.sets.collection import ListedPicture, Listing, PictureFacts
from keyhole.data.sets.grouping import PlacedPicture, grouped, placed
from keyhole.data.sets.layout import Files
from keyhole.data.sets.pools import POOLS, WHOLE, divide
from keyhole.data.sets.tree import Folder, Tree, tree_at
from keyhole.service.errors import MissingError

_log = logging.getLogger(__name__)


def list_folder(root: Path, part: str) -> Listing:
    """The pictures of a pool, or of the folder ``part`` of ``root``.

    The folder that a picture is in gives both its label and its identity, because only the user knows which it is;
    folders named as splits (``train``, ``val``, …) give neither. Captions are as `keyhole.data.sets.captions` finds
    them. A warning says what was assumed where names do not say
    which pictures belong together, and which files are no pictures.

    Args:
        root: folder or zip.
        part: ``audit``, ``private`` or ``public`` (see `keyhole.data.sets.pools.divide`); else a folder in it
            (``train``, …); ``all`` or empty: all pictures.

    Raises:
        FileNotFoundError: no folder or zip, no such part, or no pictures in it.
        UnreadableError: a folder in it that may not be read.
        UsageError: a damaged table of captions.
    """
    tree = tree_at(root)
    pool = next((known for known in POOLS if known == part), None)
    under = "" if pool or part == WHOLE else part
    if not tree.exists(under):
        raise MissingError(f"no folder {part!r} in {root}; any folder or zip has the pools {', '.join(POOLS)}")
    found, captions = _pictures(tree, root, under, told=pool != "public")
    places, assumed = placed(found), ""
    if isinstance(tree, Folder):
        places = _once(places, tree.root / under)
    if pool:
        places, assumed = grouped(places)
    if assumed and pool != "public":  # the attacker's pool: the victim's own opening warned already
        _log.warning("%s: %s", root, assumed)
    listing = _listing(places, captions, Files(tree, root, "pictures", "Expected a folder or zip of pictures", under))
    if not pool:
        return listing
    chosen = divide(listing.entries, pool)
    if not chosen:
        raise MissingError(f"{root}: none of {len(places)} pictures is left for the pool {pool!r} ({assumed})")
    return Listing(chosen, listing.classes)


def _once(places: Sequence[PlacedPicture], base: Path) -> list[PlacedPicture]:
    """Pictures without those that a link to a folder shows again; the name in a split is kept."""
    parents = {parent: (base / parent).resolve() for parent in {place.path.parent for place in places}}
    kept: dict[Path, PlacedPicture] = {}
    for place in sorted(places, key=lambda place: place.split == WHOLE):
        kept.setdefault(parents[place.path.parent] / place.path.name, place)
    return sorted(kept.values(), key=lambda place: place.path)


def _listing(places: Sequence[PlacedPicture], captions: Mapping[PurePosixPath, str], files: Files) -> Listing:
    names = sorted({place.label for place in places if place.label is not None})
    facts = {name: PictureFacts(label=number, identity=name) for number, name in enumerate(names)}

    def known(place: PlacedPicture) -> PictureFacts:
        own = facts[place.label] if place.label is not None else PictureFacts()
        return replace(own, caption=captions[place.path]) if place.path in captions else own

    entries = (
        ListedPicture(
            str(place.path),
            place.split,
            files.picture(str(place.path)),
            known(place),
            place.group,
        )
        for place in places
    )
    return Listing(tuple(entries), tuple(names))


def _pictures(
    tree: Tree, root: Path, under: str, *, told: bool
) -> tuple[list[PurePosixPath], Mapping[PurePosixPath, str]]:
    """Sorted paths of the pictures, and captions; files that are neither are counted in a warning."""
    where = root / under
    found = sorted(map(PurePosixPath, tree.files(under)))
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    stems = {path.with_suffix("") for path in pictures}
    rest = [path for path in found if path.suffix.lower() not in SUFFIXES and not is_of_captions(path, stems)]
    others = Counter(path.suffix.lower() or "without a suffix" for path in rest)
    left = f"left out: {', '.join(f'{count} {suffix}' for suffix, count in others.most_common())}"
    if not pictures:
        told_of = f"; {left}" if others else ""
        raise MissingError(f"no pictures ({' '.join(sorted(SUFFIXES))}) under {where}{told_of}")
    if others and told:
        _log.warning("%s: %d pictures; %s", where, len(pictures), left)
    return pictures, captions_in(tree, root, under, found, pictures)
