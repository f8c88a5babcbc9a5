"""Pictures with a class each, held in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.stream import intact
from keyhole.service.errors import UsageError

SELECTED = 4
"""One of so many held-back pictures of a class is chosen by; the others are reported."""


@dataclass(frozen=True)
class LabelledPictures:
    """A split held in memory: uint8 N×3×H×W, int64 labels, class names."""

    pictures: Tensor
    labels: Tensor
    names: tuple[str, ...]

    @classmethod
    def load(cls, root: Path, split: str) -> LabelledPictures:
        """Read ``root/split/<class>/*`` (a folder or a zip).

        Raises:
            FileNotFoundError: no pictures there.
            ValueError: pictures of several sizes, or outside of the classes' folders.
        """
        listing = list_folder(root, split)
        labels = [listing.facts(index).label for index in range(len(listing))]
        if None in labels:
            raise UsageError(f"{root}/{split}: expected a folder of pictures for each class, and none outside of them")
        found = [(record.picture, labels[index]) for index, record in intact(listing, range(len(listing)), {})]
        sizes = {tuple(picture.shape) for picture, _ in found}
        if len(sizes) != 1:
            raise UsageError(f"{root}/{split}: pictures of {len(sizes)} sizes; resize them to one first")
        return cls(torch.stack([picture for picture, _ in found]), torch.tensor([n for _, n in found]), listing.classes)

    def for_report(self) -> LabelledPictures:
        """Those that figures are told of: all but `for_selection`."""
        return self.some(~self._chosen_by())

    def for_selection(self) -> LabelledPictures | None:
        """Those that settings, epochs and the end of a training are chosen by: one of four of each class, in the order
        of their names; None where no class has four."""
        chosen = self._chosen_by()
        return self.some(chosen) if chosen.any() else None

    def some(self, chosen: Tensor) -> LabelledPictures:
        """The pictures of a mask, or of indices, with the same classes."""
        return LabelledPictures(self.pictures[chosen], self.labels[chosen], self.names)

    def _chosen_by(self) -> Tensor:
        seen: Counter[int] = Counter()
        chosen = []
        for label in self.labels.tolist():
            seen[label] += 1
            chosen.append(seen[label] % SELECTED == 0)
        return torch.tensor(chosen)


def readable(folder: str) -> str:
    """A class name without the WordNet number that Tiny-ImageNet's folders start with."""
    number, _, name = folder.partition("_")
    return name.replace("_", " ") if name and number[:1] == "n" and number[1:].isdecimal() else folder
