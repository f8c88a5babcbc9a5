"""A finite set as an endless stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from keyhole.data.folder import fit
from keyhole.data.sample import Sample
from keyhole.data.sets.record import Collection, Facts


@dataclass(frozen=True)
class Shuffled:
    """A set's pictures in a seeded order, another in every round; frames of a clip stay together, in their order.

    Attributes:
        collection: the set. A sample's label is the identity, else the class.
        size: side to which pictures are fitted, in pixels.
        seed: of the order.
    """

    collection: Collection
    size: int
    seed: int = 0

    def __iter__(self) -> Iterator[Sample]:
        runs = self._runs()
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            for place in torch.randperm(len(runs), generator=generator).tolist():
                for index in runs[place]:
                    record = self.collection[index]
                    yield Sample(fit(record.picture, self.size), self._label(record.facts))

    def _runs(self) -> list[list[int]]:
        """Indices that are shown one after another: a clip's, or a single picture's."""
        runs: dict[str | int, list[tuple[int, int]]] = {}
        for index in range(len(self.collection)):
            facts = self.collection.facts(index)
            runs.setdefault(index if facts.clip is None else facts.clip, []).append((facts.frame or 0, index))
        return [[index for _, index in sorted(run)] for run in runs.values()]

    def _label(self, facts: Facts) -> str | None:
        if facts.identity is not None or facts.label is None:
            return facts.identity
        return self.collection.classes[facts.label]
