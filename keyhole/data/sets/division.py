"""Three disjoint pools of a data set: no identity, clip or picture is in two of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from keyhole.data.sets.listing import Entry

Part = Literal["audit", "private", "public"]
POOLS: tuple[Part, ...] = get_args(Part)
TRAIN = "train"


def divide(entries: Sequence[Entry], pool: Part) -> tuple[Entry, ...]:
    """The entries of one pool.

    What stays together is an identity, else a clip, else a picture. Where the owner has ``train`` and other splits,
    the others are ``audit``, and what is left of ``train`` without their identities is dealt in turn, in the order of
    names, to ``private`` (what a victim trains on) and ``public`` (what an attacker may train on). Where there is
    only one kind of split, everything is dealt to ``audit``, ``private`` and ``public``. A picture that is in two
    splits counts once.

    Args:
        entries: of all splits.
        pool: which one.
    """
    train = [entry for entry in entries if entry.split == TRAIN]
    test = [entry for entry in entries if entry.split != TRAIN]
    if not train or not test:
        return _dealt(entries, POOLS.index(pool), len(POOLS))
    if pool == "audit":
        return _once(test)
    held = {_together(entry) for entry in test}
    rest = [entry for entry in train if _together(entry) not in held]
    return _dealt(rest, ("private", "public").index(pool), 2)


def _dealt(entries: Sequence[Entry], place: int, hands: int) -> tuple[Entry, ...]:
    mine = set(sorted({_together(entry) for entry in entries})[place::hands])
    return _once(entry for entry in entries if _together(entry) in mine)


def _together(entry: Entry) -> str:
    return entry.facts.identity or entry.facts.clip or entry.name


def _once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    by_name: dict[str, Entry] = {}
    for entry in entries:
        by_name.setdefault(entry.name, entry)
    return tuple(by_name.values())
