"""A finite set as an endless stream."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from keyhole.data.decoding import UnreadableError, resize_and_crop
from keyhole.data.sample import Sample
from keyhole.data.sets.collection import Collection, PictureFacts, Record
from keyhole.sizes import Size

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shuffled:
    """A set's pictures in a seeded order, another in every round; frames of a clip stay together, in their order.

    A file that is missing or unreadable is named in a warning and skipped from then on. Where no file is left,
    `UnreadableError` is raised.

    Attributes:
        collection: the set. A sample's label is the identity, else the class.
        size: to which pictures are fitted, in pixels.
        seed: of the order.
    """

    collection: Collection
    size: Size
    seed: int = 0

    def __iter__(self) -> Iterator[Sample]:
        runs = self._runs()
        generator = torch.Generator().manual_seed(self.seed)
        faults: dict[int, Exception] = {}
        while len(faults) < len(self.collection):
            for place in torch.randperm(len(runs), generator=generator).tolist():
                for _, record in intact(self.collection, runs[place], faults):
                    picture = resize_and_crop(record.picture, self.size)
                    yield Sample(picture, self._label(record.facts), caption=record.caption)
        raise UnreadableError(f"none of {len(faults)} pictures can be read; the last: {list(faults.values())[-1]}")

    def _runs(self) -> list[list[int]]:
        """Indices that are shown one after another: a clip's, or a single picture's."""
        runs: dict[str | int, list[tuple[int, int]]] = {}
        for index in range(len(self.collection)):
            facts = self.collection.facts(index)
            runs.setdefault(index if facts.clip is None else facts.clip, []).append((facts.frame or 0, index))
        return [[index for _, index in sorted(run)] for run in runs.values()]

    def _label(self, facts: PictureFacts) -> str | None:
        if facts.identity is not None or facts.label is None:
            return facts.identity
        return self.collection.classes[facts.label]


def intact(
    collection: Collection, indices: Iterable[int], faults: dict[int, Exception]
) -> Iterator[tuple[int, Record]]:
    """Pictures of a set with their indices; files that are missing or cannot be read are passed over.

    Args:
        collection: the set.
        indices: which pictures of it.
        faults: what was wrong with those that cannot be read; new ones are added and named in a warning.
    """
    for index in indices:
        if index in faults:
            continue
        try:
            record = collection[index]
        except (FileNotFoundError, UnreadableError) as error:
            faults[index] = error
            _log.warning("picture passed over (%d of %d): %s", len(faults), len(collection), error)
        else:
            yield index, record
