"""Data of re-identification: pictures to train on, and unseen identities to test on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from keyhole.data.identities import Parts, Search, identities_of, paired, places_of
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.collection import Joined, Subset
from keyhole.data.streetcam.pools import VehiclePool
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.targets.membership import TrainedOn
from keyhole.train.settings import TrainSettings

_STREETCAM_HELD_OUT, _STREETCAM_IDENTITIES, _VIEWS = 150, 2000, 12
_STREETCAM_TESTS: tuple[VehiclePool, VehiclePool] = ("private-report", "private-test")
"""Pools of the report and of the selection."""
_MOST_SELECTED = 100
"""Identities of an owner's training split that are kept for the selection, a tenth or so many."""


def open_parts(settings: TrainSettings) -> Parts:
    """The pictures that the flags name.

    streetcam has a pool for each part, ``private-train``, ``private-test`` (the selection) and ``private-report``. A
    data set whose owner has queries and a gallery is reported on them, and a tenth of its training identities are the
    selection. Of everything else, of its pool ``private`` unless the flags name a part, a seeded choice of the
    identities is held out, the first two thirds of it for the report and the others for the selection; where fewer than
    4 are held out there is no selection.

    Raises:
        FileNotFoundError: no data there.
        ValueError: pictures without identity, too few identities or pictures of one, or no such part.
    """
    return next(parts for opener in _OPENERS if (parts := opener(settings)))


def trained_on(spec: str, parts: Parts) -> TrainedOn:
    """The identities that a training on the parts sees; none of streetcam, whose pools no source mixes."""
    return TrainedOn() if spec == "streetcam" else TrainedOn.of(spec, identities_of(parts.train))


def _streetcam(settings: TrainSettings) -> Parts | None:
    if settings.data != "streetcam":
        return None
    size = drawn_at(settings.size)
    held_out = _STREETCAM_HELD_OUT if settings.held_out is None else settings.held_out
    views = settings.views or _VIEWS
    train = Passes(Streetcam("private-train", size), settings.identities or _STREETCAM_IDENTITIES, views)
    report, selection = (
        Search.drawn(Passes(Streetcam(pool, size), held_out, views), settings.probes, settings.seed)
        for pool in _STREETCAM_TESTS
    )
    return Parts(paired(train), report, selection)


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
    report = Search(
        Joined(probes, gallery), tuple(range(len(probes))), tuple(range(len(probes), len(probes) + len(gallery)))
    )
    train = paired(train)
    identities = identities_of(train)
    names = _shuffled(identities, settings.seed)
    chosen = set(names[: min(len(names) // 10, _MOST_SELECTED)])
    if len(chosen) < 2:
        return Parts(train, report)
    kept, selection = (Subset(train, places_of(identities, some)) for some in (set(names) - chosen, chosen))
    return Parts(kept, report, Search.drawn(selection, settings.probes, settings.seed))


def _held_out(settings: TrainSettings) -> Parts | None:
    part = settings.part or "private"
    pictures = paired(open_collection(settings.data, part))
    identities = identities_of(pictures)
    names = _shuffled(identities, settings.seed)
    count = max(2, len(names) // 5) if settings.held_out is None else settings.held_out
    if count < 2 or len(names) - count < 2:
        raise UsageError(
            f"{settings.data}, {part}: {len(names)} identities with two pictures or more, {count} of them held out: at "
            "least 2 must be held out and 2 left to train on; --part all takes the whole of a folder"
        )
    selected = max(2, count // 3) if count >= 4 else 0
    parts = names[: count - selected], names[count - selected : count], names[count:]
    report, selection, train = (Subset(pictures, places_of(identities, set(some))) for some in parts)
    drawn = partial(Search.drawn, each=settings.probes, seed=settings.seed)
    return Parts(train, drawn(report), drawn(selection) if selected else None)


def _shuffled(identities: Sequence[str], seed: int) -> list[str]:
    """Each identity once, in an order that the seed decides."""
    names = sorted(set(identities))
    return [
        names[place] for place in torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    ]


_OPENERS: tuple[Callable[[TrainSettings], Parts | None], ...] = (_streetcam, _owners, _held_out)
"""The first that knows the data opens it; the last knows all."""
