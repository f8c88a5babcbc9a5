"""Splits, labels and groups that the paths of a plain folder give its pictures."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import PurePosixPath

from keyhole.data.sets.pools import POOLS, TRAIN, WHOLE, pools_of

SPLITS: Mapping[str, str] = {
    name: split
    for split, names in {
        "audit": "audit",
        "private": "private",
        "public": "public",
        TRAIN: "train training trainval bounding_box_train image_train",
        "test": "test testing val valid validation dev eval query gallery bounding_box_test image_test image_query",
    }.items()
    for name in names.split()
}
"""The split of a folder's name."""


@dataclass(frozen=True)
class PlacedPicture:
    """A picture's path, and what the path says of the picture.

    Attributes:
        path: relative to the folder or zip.
        split: as `keyhole.data.sets.pools.pools_of` takes it.
        folders: the folders around it, outermost first, without the split's or one beside it.
        group: key of the pictures that must stay in one pool; empty: not known yet.
    """

    path: PurePosixPath
    split: str
    folders: tuple[str, ...]
    group: str = ""

    @property
    def label(self) -> str | None:
        """The innermost folder; None where there is none."""
        return self.folders[-1] if self.folders else None


def placed(paths: Sequence[PurePosixPath]) -> list[PlacedPicture]:
    """Splits and folders of pictures.

    Folders at one depth are splits in three cases: one of them has a pool's name, two have different names of splits
    (`SPLITS`), or all have names of splits. A folder ``train`` among classes of vehicles is a class, not a split.
    """
    depth = _depth_of_splits(paths)
    if depth is None:
        only = all(name.lower() in SPLITS for path in paths for name in path.parts[:-1])
        return [PlacedPicture(path, WHOLE, () if only else path.parts[:-1]) for path in paths]
    found = []
    for path in paths:
        folders = path.parts[:-1]
        split = SPLITS.get(folders[depth].lower(), WHOLE) if len(folders) > depth else WHOLE
        found.append(PlacedPicture(path, split, folders[:depth] + folders[depth + 1 :]))
    return found


def _depth_of_splits(paths: Sequence[PurePosixPath]) -> int | None:
    names: dict[int, set[str]] = defaultdict(set)
    for path in paths:
        for depth, name in enumerate(path.parts[:-1]):
            if name.lower() in SPLITS:
                names[depth].add(name.lower())
    return min((depth for depth, known in names.items() if len(known) > 1 or known & set(POOLS)), default=None)


def grouped(places: Sequence[PlacedPicture]) -> tuple[list[PlacedPicture], str]:
    """Pictures with their groups, and what was assumed in making them.

    Pictures of a folder stay together, and so do folders that have one around them in common, where that leaves as many
    groups as pools. Where folders are classes (splits have most of them in common), or too few, each is cut into as
    many runs of neighbouring names as there are pools, since neighbours may be frames of one video.
    """
    hands = {split: len(pools) for split, pools in pools_of(place.split for place in places).items()}
    said = [_left_out([place for place in places if not hands[place.split]])]
    kept = [place for place in places if hands[place.split]]
    if _are_classes(kept):
        said.append("splits have the same folders, taken for classes: pictures of a folder are in several pools")
    else:
        for key in (_outermost(kept), _most_told(kept)):
            chosen = [replace(place, group=key(place)) if place.folders else place for place in kept]
            if _suffice(chosen, hands):
                kept = chosen
                said += _told(kept, hands)
                break
        else:
            said.append("too few folders for the pools: pictures of a folder are in several")
    loose = any(not place.group and hands[place.split] > 1 for place in kept)
    return _in_runs(kept, hands), "; ".join(filter(None, [*said, _RUNS if loose else ""]))


_FOLDERS = "assumed that each folder is one person, vehicle or video, whose pictures stay in one pool"
_RUNS = (
    "assumed that what belongs together has neighbouring file names: each pool is a run of them, and a person or video "
    "that is in two runs is in two pools. Give each a folder of its own, or name folders private/ and public/"
)


def _told(places: Sequence[PlacedPicture], hands: Mapping[str, int]) -> list[str]:
    """The assumptions where folders are groups."""
    splits: dict[str, set[str]] = defaultdict(set)
    for place in places:
        splits[place.group].add(place.split)
    shared = sum(len(known) > 1 for group, known in splits.items() if group)
    dealt = any(place.group and hands[place.split] > 1 for place in places)
    held = f"{shared} folders are in several splits: what is in a later one is left out" if shared else ""
    return [_FOLDERS if dealt else "", held]


def _left_out(places: Sequence[PlacedPicture]) -> str:
    folders = sorted({str(place.path.parent) for place in places})
    return f"{len(places)} pictures left out, in no split: {', '.join(folders[:3])}" if places else ""


def _are_classes(places: Sequence[PlacedPicture]) -> bool:
    """Whether splits with folders in common have most of them in common."""
    labels: dict[str, set[str | None]] = defaultdict(set)
    for place in places:
        labels[place.split].add(place.label)
    pairs = [(one - {None}, other - {None}) for one, other in combinations(labels.values(), 2)]
    common = [(one, other) for one, other in pairs if one & other]
    return bool(common) and all(2 * len(one & other) > len(one | other) for one, other in common)


def _suffice(places: Sequence[PlacedPicture], hands: Mapping[str, int]) -> bool:
    groups: dict[str, set[str]] = defaultdict(set)
    for place in places:
        groups[place.split].add(place.group)
    return all(
        len(known - {""}) >= hands[split] or known == {""} for split, known in groups.items() if hands[split] > 1
    )


def _outermost(places: Sequence[PlacedPicture]) -> Callable[[PlacedPicture], str]:
    """The folders that are tied to each other by one around them, by the first of their names."""
    from scipy.cluster.hierarchy import DisjointSet  # noqa: PLC0415 - slow to import

    tied = DisjointSet({(depth, name) for place in places for depth, name in enumerate(place.folders)})
    for place in places:
        for one, other in pairwise(enumerate(place.folders)):
            tied.merge(one, other)
    names = {folder: f"{min(group)[1]}/" for group in tied.subsets() for folder in group}
    return lambda place: names[0, place.folders[0]]


def _most_told(places: Sequence[PlacedPicture]) -> Callable[[PlacedPicture], str]:
    """The folder at the depth where there are most names, the innermost where two have as many."""
    names: dict[int, set[str]] = defaultdict(set)
    for place in places:
        for depth, name in enumerate(place.folders):
            names[depth].add(name)
    depth = max(names, key=lambda depth: (len(names[depth]), depth), default=0)
    return lambda place: f"{place.folders[min(depth, len(place.folders) - 1)]}/"


def _in_runs(places: Sequence[PlacedPicture], hands: Mapping[str, int]) -> list[PlacedPicture]:
    """The places; those without a group get one for each run of neighbouring names in their folder."""
    folders: dict[tuple[str, PurePosixPath], list[str]] = defaultdict(list)
    for place in places:
        if not place.group:
            folders[place.split, place.path.parent].append(place.path.name)
    groups = {
        folder / name: f"{folder}/{number}"
        for (split, folder), names in folders.items()
        for number, run in enumerate(runs(names, hands[split]))
        for name in run
    }
    return [place if place.group else replace(place, group=groups[place.path]) for place in places]


def runs(names: Sequence[str], count: int) -> list[list[str]]:
    """Names of files in their order, ``9`` before ``10``, cut into runs of about one length.

    A cut is made where names start with another word, or differ before their last number, if they do near there.

    Args:
        names: without folders.
        count: of runs; some are empty where there are fewer names.
    """
    ordered = sorted(names, key=_natural)
    borders = [_border([PurePosixPath(name).stem for name in ordered], place, count) for place in range(1, count)]
    return [ordered[first:last] for first, last in pairwise((0, *borders, len(ordered)))]


def _border(stems: Sequence[str], place: int, count: int) -> int:
    """Index of the name that run ``place`` starts with."""
    even, reach = len(stems) * place / count, len(stems) / count / 2
    for differ in (_other_word, _other_counter):
        near = [
            index
            for index in range(1, len(stems))
            if abs(index - even) < reach and differ(stems[index - 1], stems[index])
        ]
        if near:
            return min(near, key=lambda index: abs(index - even))
    return round(even)


def _other_word(before: str, after: str) -> bool:
    """Whether two names start with other words: ``0001`` of ``0001_c2_07``, ``clip`` of ``clip12``."""
    return _word(before) != _word(after)


def _word(stem: str) -> str:
    word, *more = re.split(r"[\W_]", stem, maxsplit=1)
    return word if more or word.isdecimal() else word.rstrip("0123456789")


def _other_counter(before: str, after: str) -> bool:
    """Whether two names differ before their last number."""
    first, second = (re.sub(r"\d+\D*$", "", stem) for stem in (before, after))
    return first != second


def _natural(name: str) -> list[str | tuple[int, str]]:
    """A key by which ``9`` comes before ``10``."""
    return [(int(part), part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
