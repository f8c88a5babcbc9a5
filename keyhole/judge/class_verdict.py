"""Verdicts on pictures of a classifier's classes: whom does each show, by a network that was not attacked?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from keyhole.data.labelled import LabelledPictures, readable
from keyhole.judge.centroids import ClassCentroids
from keyhole.judge.identity import IdentityJudge
from keyhole.service.errors import UsageError
from keyhole.targets import Target, load_target


@dataclass(frozen=True)
class ClassVerdict:
    """What a judge says of one picture.

    Attributes:
        judge: who says it.
        seen: the class that it takes the picture for.
        rank: place of the class that was meant, 1 for the first; ties count against it.
        classes: among how many it decides.
    """

    judge: str
    seen: str
    rank: int
    classes: int

    @property
    def recognised(self) -> bool:
        """Whether it takes the picture for the class that was meant."""
        return self.rank == 1


def brief(name: str) -> str:
    """What a judge is called where there is little room.

    >>> brief("runs/vehicles-evaluator"), brief("mine.models:Faces")
    ('vehicles-evaluator', 'Faces')
    """
    return name.rstrip("/").rpartition("/")[2].rpartition(":")[2]


class ClassJudge(Protocol):
    """Says whom a picture shows."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def __call__(self, picture: Tensor, meant: str) -> ClassVerdict | None:
        """What it makes of an RGB picture 3×H×W in [0, 1]; None where it does not know the class that was meant."""
        ...


@dataclass(frozen=True, eq=False)
class CentroidJudge:
    """Decides by the nearest centroid of private pictures, as `keyhole invert` does.

    Attributes:
        judge: embeds pictures; no network under attack.
        pictures: private pictures of the classes that no training has seen.
        centroids: of these.
    """

    judge: IdentityJudge
    pictures: LabelledPictures
    centroids: ClassCentroids

    @classmethod
    def of(
        cls, judge: IdentityJudge, pictures: LabelledPictures, stepped: Callable[[int], object] = lambda _: None
    ) -> Self:
        """Embed the private pictures.

        Args:
            judge: that embeds them.
            pictures: of the classes.
            stepped: called with the number of pictures after each batch.
        """
        embedded = judge.embed(pictures.pictures.float() / 255, stepped=stepped)
        return cls(judge, pictures, ClassCentroids.of(embedded, pictures.labels))

    @property
    def name(self) -> str:
        """The embedder's."""
        return brief(self.judge.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, as targets have them."""
        return tuple(map(readable, self.pictures.names))

    def __call__(self, picture: Tensor, meant: str) -> ClassVerdict | None:
        """See `ClassJudge`."""
        names, known = self.names, self.centroids.classes
        if meant not in names or (label := names.index(meant)) not in known:
            return None
        vector = self.judge.embed(picture[None])
        rank = int(self.centroids.ranks(vector, torch.tensor([label])))
        return ClassVerdict(self.name, names[int(self.centroids.nearest(vector))], rank, len(known))

    def example(self, name: str) -> Tensor | None:
        """A private picture of a class, RGB 3×H×W in [0, 1]; None where there is none."""
        if name not in self.names:
            return None
        shown = (self.pictures.labels == self.names.index(name)).nonzero()
        return self.pictures.pictures[shown[0, 0]].float() / 255 if len(shown) else None


@dataclass(frozen=True, eq=False)
class EvaluationClassifier:
    """Decides by another classifier of the same classes.

    Attributes:
        target: the classifier.
    """

    target: Target

    @classmethod
    def named(cls, name: str, flag: str) -> EvaluationClassifier:
        """The classifier of a name, as for `keyhole.targets.load_target`.

        Raises:
            UsageError: there is none, or it does not say which classes it tells apart.
        """
        target = load_target(name)
        if not target.labels:
            raise UsageError(
                f"{flag} {name}: it does not say which classes it tells apart; expected a classifier that was trained "
                "on the same classes (`keyhole train target --task classification`)"
            )
        return cls(target)

    @property
    def name(self) -> str:
        """The target's."""
        return brief(self.target.name)

    @torch.inference_mode()
    def __call__(self, picture: Tensor, meant: str) -> ClassVerdict | None:
        """See `ClassJudge`."""
        names = self.target.labels
        if meant not in names:
            return None
        logits = self.target.model(self.target.preprocess(picture[None]))[0].float().cpu()
        rank = int((~(logits < logits[names.index(meant)])).sum())  # what is no number counts against it
        return ClassVerdict(self.name, names[int(logits.argmax())], rank, len(names))
