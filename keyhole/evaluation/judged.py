"""What the judge reads from the reconstructions of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from keyhole.data import Sample, open_source, take_samples
from keyhole.data.sample import SecretLabels
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.settings import OfflineSettings
from keyhole.judge.examination import GALLERY, enrol, examine
from keyhole.judge.judge import Judge
from keyhole.judge.legibility import ReadSecret, read_right
from keyhole.judge.loading import SHIPPED, find_judge, read_judge_card
from keyhole.metrics.interval import Interval, Units, answers_interval, by_unit
from keyhole.sizes import Size

_KEPT = "gallery"


@dataclass(frozen=True)
class ReadShare:
    """The share of a secret that was read right.

    Attributes:
        value: in [0, 1].
        interval: 95 %; None where too few pictures show the secret.
        guessing: share that is right by guessing.
        right: questions answered right, the mean over the seeds.
        asked: questions with one seed.
        pictures: that show the secret.
    """

    value: float
    interval: Interval | None
    guessing: float
    right: float
    asked: int
    pictures: int

    @classmethod
    def of(cls, secret: ReadSecret, units: Units = None) -> ReadShare:
        """The share of all rows together, each of a seed: seeds of a picture are no pictures of their own.

        Args:
            secret: what was read.
            units: of the pictures.
        """
        seeds, asked, pictures = len(secret.right), sum(secret.asked), sum(asked > 0 for asked in secret.asked)
        right = [sum(of_picture) / seeds for of_picture in zip(*secret.right, strict=True)]
        asked_of = [round(count) for count in by_unit(secret.asked, units).tolist()]
        interval = answers_interval(by_unit(right, units).tolist(), asked_of)
        return cls(sum(right) / asked, interval, secret.guessing, sum(right), asked, pictures)

    @property
    def as_by_guessing(self) -> bool:
        """Whether it was not read significantly better than by guessing, or too few pictures show it to tell."""
        return self.interval is None or self.interval[0] <= self.guessing


@dataclass(frozen=True)
class Examiner:
    """A judge with what it must know of some pictures to examine their reconstructions.

    Attributes:
        judge: reads.
        places: of the pictures that have secrets.
        labels: of the secrets of these.
        gallery: embeddings of enrolled vehicles, by identity.
        units: of the pictures that have secrets.
    """

    judge: Judge
    places: Sequence[int]
    labels: Sequence[SecretLabels]
    gallery: Mapping[str, Tensor]
    units: Units = None

    @classmethod
    def ready(
        cls,
        settings: OfflineSettings,
        samples: Sequence[Sample],
        size: Size,
        seed: int,
        shelf: Shelf,
        start: Callable[[int], Callable[[], object]],
        units: Units = None,
    ) -> Examiner | None:
        """An examiner of reconstructions of samples; None where they have no secrets, or there is no judge.

        A vehicle is looked up among those of the samples and of the first pictures of their source, `GALLERY` or more
        pictures together, so that who attacks few has no easier question.

        Args:
            settings: name the source.
            samples: the truths.
            size: of the pictures.
            seed: that chose them.
            shelf: of the run; keeps the embeddings.
            start: called with the number of vehicles that must be enrolled; what it returns is called after each.
            units: of the samples.
        """
        labels = {place: sample.secrets for place, sample in enumerate(samples) if sample.secrets}
        judge = find_judge() if labels else None
        if judge is None:
            return None
        source = open_source(settings.source, pool="audit", size=size, seed=seed, secrets=True)
        others = [sample.secrets for sample in take_samples(source, GALLERY) if sample.secrets]
        wanted = list(dict.fromkeys(label.identity for label in (*labels.values(), *others)))
        facts = {"judge": read_judge_card(SHIPPED).sha256}
        known = shelf.tensors(_KEPT, facts)
        missing = [identity for identity in wanted if identity not in known]
        if missing:
            stepped = start(len(missing))
            for identity in missing:
                known |= enrol(judge, [identity])
                stepped()
            shelf.keep_tensors(_KEPT, facts, known)
        gallery = {identity: known[identity] for identity in wanted if identity in known}
        asked = None if units is None else [units[place] for place in labels]
        return cls(judge, list(labels), list(labels.values()), gallery, asked)

    def read(self, by_seed: Sequence[Tensor]) -> dict[str, ReadShare]:
        """What is read right of reconstructions, N×3×H×W for each seed: seeds of a picture are asked about together."""
        rows = [examine(self.judge, pictures[list(self.places)], self.labels, self.gallery) for pictures in by_seed]
        return {name: ReadShare.of(secret, self.units) for name, secret in read_right(rows).items()}
