"""Data of re-identification: pictures to train on, and unseen identities to test on."""

from __future__ import annotations

from collections.abc import Callable

import torch

from keyhole.data.identities import Parts, divide_views, identities_of, paired, places_of
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.collection import Joined, Subset
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.train.settings import TrainSettings

_STREETCAM_HELD_OUT = 150


def open_parts(settings: TrainSettings) -> Parts:
    """The pictures that the flags name.

    streetcam has the pools ``private-train`` and ``private-test``; a data set whose owner has queries and a gallery is
    tested on them; of everything else, of its pool ``private`` unless the flags name a part, a seeded choice of the
    identities is held out.

    Raises:
        FileNotFoundError: no data there.
        ValueError: pictures without identity, too few identities or pictures of one, or no such part.
    """
    return next(parts for opener in _OPENERS if (parts := opener(settings)))


def _streetcam(settings: TrainSettings) -> Parts | None:
    if settings.data != "streetcam":
        return None
    size = drawn_at(settings.size)
    held_out = _STREETCAM_HELD_OUT if settings.held_out is None else settings.held_out
    train = Passes(Streetcam("private-train", size), settings.identities, settings.views)
    test = Passes(Streetcam("private-test", size), held_out, settings.views)
    return Parts(paired(train), test, *divide_views(test, settings.probes, settings.seed))


def _owners(settings: TrainSettings) -> Parts | None:
    layout = SETS.get(settings.data.partition(":")[0])
    query = next((split for split in layout.splits if split.startswith("query")), None) if layout else None
    if query is None:
        return None
    train, probes, gallery = (
        open_collection(settings.data, part) for part in ("train", query, query.replace("query", "gallery"))
    )
    shared = set(identities_of(train)) & set(identities_of(probes))
    if shared:
        raise UsageError(f"{settings.data}: {len(shared)} identities are in the training and in the test split")
    places = range(len(probes)), range(len(probes), len(probes) + len(gallery))
    return Parts(paired(train), Joined(probes, gallery), tuple(places[0]), tuple(places[1]))


def _held_out(settings: TrainSettings) -> Parts | None:
    part = settings.part or "private"
    pictures = paired(open_collection(settings.data, part))
    identities = identities_of(pictures)
    names = sorted(set(identities))
    count = max(2, len(names) // 5) if settings.held_out is None else settings.held_out
    if count < 2 or len(names) - count < 2:
        raise UsageError(
            f"{settings.data}, {part}: {len(names)} identities with two pictures or more, {count} of them held out: at "
            "least 2 must be held out and 2 left to train on; --part all takes the whole of a folder"
        )
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    unseen = {names[place] for place in order[:count]}
    train = Subset(pictures, places_of(identities, set(names) - unseen))
    test = Subset(pictures, places_of(identities, unseen))
    return Parts(train, test, *divide_views(test, settings.probes, settings.seed))


_OPENERS: tuple[Callable[[TrainSettings], Parts | None], ...] = (_streetcam, _owners, _held_out)
"""The first that knows the data opens it; the last knows all."""
