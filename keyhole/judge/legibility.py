"""Legibility: what the judge reads from thumbnails of true pictures, and from which size on that is more than guessing.

A secret that the judge cannot read from a thumbnail is one that it does not read from a reconstruction as sharp as that
either, so the sizes found here say when a leak begins to matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor

from keyhole.data.sample import SecretLabels
from keyhole.data.streetcam.shot import MOST_FREQUENT
from keyhole.judge.examination import examine
from keyhole.judge.reading import SecretReader
from keyhole.judge.recovery import GLYPH_CHANCE, Recovery, Share
from keyhole.metrics.interval import Interval, answers_interval
from keyhole.metrics.thumbnails import SIDES, shrunk

PLATE, DRIVER, VEHICLE = "plate glyphs", "driver", "vehicle"
SECRETS = (PLATE, DRIVER, VEHICLE)
"""What a judge reads, in the order in which it is told."""


@dataclass(frozen=True)
class ReadSecret:
    """How often a judge read one secret right from the pictures of a set.

    Attributes:
        right: questions answered right, by side and picture.
        asked: questions about each picture; 0 where its truth does not show the secret.
        guessing: share that is right by guessing.
    """

    right: Sequence[Sequence[int]] = field(repr=False)
    asked: Sequence[int] = field(repr=False)
    guessing: float

    def share(self, row: int) -> Share:
        """The share read right at one of the sides."""
        asked = sum(self.asked)
        return Share(sum(self.right[row]) / asked, self.guessing, asked)

    def interval(self, row: int) -> Interval | None:
        """95 % interval of that share, see `keyhole.metrics.interval.answers_interval`."""
        return answers_interval(self.right[row], self.asked)

    def better_than_guessing(self, row: int) -> bool:
        """Whether all of that interval lies above the share that is right by guessing."""
        found = self.interval(row)
        return found is not None and found[0] > self.guessing


@dataclass(frozen=True)
class Legibility:
    """What a judge reads from thumbnails of some true pictures.

    Attributes:
        sides: shorter sides of the thumbnails in pixels, ascending; the last one is that of the pictures themselves.
        secrets: by name; without those that no picture shows.
    """

    sides: tuple[int, ...]
    secrets: Mapping[str, ReadSecret]

    @classmethod
    def measure(
        cls,
        reader: SecretReader,
        pictures: Tensor,
        labels: Sequence[SecretLabels],
        gallery: Mapping[str, Tensor],
        stepped: Callable[[], object] = lambda: None,
    ) -> Self:
        """Ask a judge at every side.

        Args:
            reader: the judge.
            pictures: true ones, N×3×H×W in [0, 1].
            labels: of the N.
            gallery: embeddings of enrolled pictures by identity, see `keyhole.judge.examination.enrol`.
            stepped: called after each side.
        """
        full = min(pictures.shape[-2:])
        sides = (*(side for side in SIDES if side < full), full)
        read = []
        for side in sides:
            made = shrunk(pictures, side) if side < full else pictures
            read.append(examine(reader, made, labels, gallery))
            stepped()
        return cls(sides, read_right(read))

    def legible_from(self, secret: str) -> int | None:
        """The smallest side from which on, at it and at all larger ones, a secret is read better than by guessing.

        None where the judge cannot read it from the pictures themselves, or no picture shows it.
        """
        found = self.secrets.get(secret)
        if found is None:
            return None
        legible = None
        for row in reversed(range(len(self.sides))):
            if not found.better_than_guessing(row):
                break
            legible = self.sides[row]
        return legible

    @property
    def threshold(self) -> int | None:
        """The smallest side from which on any secret is legible; None where none is."""
        sides = [side for secret in self.secrets if (side := self.legible_from(secret)) is not None]
        return min(sides, default=None)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        secrets = {
            name: {"right": [list(row) for row in one.right], "asked": list(one.asked), "guessing": one.guessing}
            for name, one in self.secrets.items()
        }
        return {"sides": list(self.sides), "secrets": secrets}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """A stored legibility.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(tuple(stored["sides"]), {name: ReadSecret(**one) for name, one in stored["secrets"].items()})


def read_right(read: Sequence[Sequence[Recovery]]) -> dict[str, ReadSecret]:
    """What was read right, by secret; without those that no picture shows.

    Args:
        read: a row for each side, or for all else that was made of the same pictures; a column for each picture.
    """
    return {name: found for name in SECRETS if (found := _collected(name, read))}


def _collected(name: str, read: Sequence[Sequence[Recovery]]) -> ReadSecret | None:
    """One secret of what was read by side and picture; None where nothing was asked."""
    counts = [[_COUNTS[name](recovery) for recovery in row] for row in read]
    asked = [count[1] for count in counts[-1]]
    if not sum(asked):
        return None
    guessed = sum(_GUESSED[name](recovery) for recovery in read[-1])
    return ReadSecret([[right for right, _ in row] for row in counts], asked, guessed / sum(asked))


_COUNTS: Mapping[str, Callable[[Recovery], tuple[int, int]]] = {
    PLATE: lambda recovery: recovery.glyphs,
    DRIVER: lambda recovery: (
        sum(true == said for true, said in recovery.attributes.values()),
        len(recovery.attributes),
    ),
    VEHICLE: lambda recovery: (int(bool(recovery.identified)), int(recovery.identified is not None)),
}
"""Questions about a picture that were answered right, and those that were asked."""
_GUESSED: Mapping[str, Callable[[Recovery], float]] = {
    PLATE: lambda recovery: recovery.glyphs[1] * GLYPH_CHANCE,
    DRIVER: lambda recovery: sum(MOST_FREQUENT[name] for name in recovery.attributes),
    VEHICLE: lambda recovery: 1 / recovery.gallery if recovery.identified is not None else 0.0,
}
"""Questions about a picture that guessing answers right, on average."""
