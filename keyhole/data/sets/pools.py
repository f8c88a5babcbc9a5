"""Three disjoint pools of pictures: no identity, clip or picture is in two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from keyhole.data.sets.collection import ListedPicture

Part = Literal["audit", "private", "public"]
POOLS: tuple[Part, ...] = get_args(Part)
TRAIN, WHOLE = "train", "all"

_SERVED: Mapping[str, tuple[Part, ...]] = {
    "audit": ("audit",), "private": ("private",), "public": ("public",), TRAIN: ("private", "public"), WHOLE: (),
}  # fmt: skip
"""The pools that a split is for; every other split, one to test on, is for ``audit``."""
_SPARED: Mapping[str, tuple[Part, ...]] = {"audit": (), "private": ("audit",), "public": (), TRAIN: ("audit",)}
"""The pools that a split gives pictures to where no other split is for them; every other split gives to all."""


def divide(entries: Sequence[ListedPicture], pool: Part) -> tuple[ListedPicture, ...]:
    """The pictures of one pool.

    Pictures with the same `ListedPicture.together` form a group, which stays in one pool. Groups that may be in several
    pools (see `pools_of`) are dealt to them in turn, in the order of names. A group that is in two splits belongs to
    the one whose pools come first (``audit``, ``private``, ``public``), and its pictures in the other are left out. A
    picture that is in two splits counts once.

    Args:
        entries: of all splits.
        pool: ``audit``: what the victim shows; ``private``: what a victim's model may be trained on; ``public``: what
            an attacker may train on.
    """
    pools = pools_of(entry.split for entry in entries)
    groups: dict[tuple[Part, ...], dict[str, list[ListedPicture]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        groups[pools[entry.split]][entry.together].append(entry)
    held: set[str] = set()
    chosen: dict[str, ListedPicture] = {}
    for hands in sorted(filter(None, groups), key=lambda hands: [POOLS.index(hand) for hand in hands]):
        free = sorted(groups[hands].keys() - held)
        held |= set(free)
        if pool in hands:
            mine = set(free[hands.index(pool) :: len(hands)])
            for entry in entries:
                if entry.together in mine and pools[entry.split] == hands:
                    chosen.setdefault(entry.name, entry)
    return tuple(chosen.values())


def pools_of(splits: Iterable[str]) -> dict[str, tuple[Part, ...]]:
    """The pools that each split's pictures may be in; none where they are left out.

    A split that has a pool's name goes to that pool, ``train`` (and ``train-…``) to ``private`` and ``public``, and any
    other split to ``audit``. A pool without a split gets a share of the others: ``audit`` of ``private`` or ``train``,
    and every pool of test splits where there are no other ones, and of pictures in no split.

    >>> pools_of(["all"])
    {'all': ('audit', 'private', 'public')}
    """
    present = set(splits)
    named = {pool for pool in POOLS if pool in present}
    served = {split: _served(split, named) for split in present}
    missing = set(POOLS) - {pool for pools in served.values() for pool in pools}
    return {
        split: tuple(
            pool for pool in POOLS if pool in pools or pool in missing.intersection(_SPARED.get(_kind(split), POOLS))
        )
        for split, pools in served.items()
    }


def _kind(split: str) -> str:
    """``train`` of ``train-val``, ``query`` of ``query-3000``."""
    return split.partition("-")[0]


def _served(split: str, named: set[Part]) -> tuple[Part, ...]:
    pools = _SERVED.get(_kind(split), ("audit",))
    return tuple(pool for pool in pools if split == pool or pool not in named)
