"""Identities of the pictures of a finite set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from keyhole.data.sets.collection import Collection, Subset
from keyhole.service.errors import UsageError


def identities_of(pictures: Collection) -> list[str]:
    """Each picture's identity.

    Raises:
        ValueError: a picture has none.
    """
    identities = [pictures.facts(index).identity for index in range(len(pictures))]
    known = [identity for identity in identities if identity is not None]
    if len(known) < len(identities):
        raise UsageError(
            f"{len(identities) - len(known)} of {len(identities)} pictures show no known identity: expected a folder "
            "of pictures for each (train/, query/ and the like are splits), or a data set as its owner packs it, such "
            "as market1501:PATH (`keyhole data sets` lists them)"
        )
    return known


def paired(pictures: Collection) -> Collection:
    """The pictures whose identity has another picture too; the same collection where all have.

    Raises:
        ValueError: every identity has one picture, or a picture has no identity.
    """
    identities = identities_of(pictures)
    counts = Counter(identities)
    kept = tuple(index for index, identity in enumerate(identities) if counts[identity] > 1)
    if not kept:
        raise UsageError(
            f"each of {len(counts)} identities has one picture: re-identification needs two or more of an identity"
        )
    return pictures if len(kept) == len(pictures) else Subset(pictures, kept)


def where(values: Sequence[str], wanted: set[str]) -> tuple[int, ...]:
    """Places of the values that are among ``wanted``."""
    return tuple(index for index, value in enumerate(values) if value in wanted)
