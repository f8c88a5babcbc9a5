"""What a picture tower knows without having learned labels: facts of streetcam that the nearest text tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console
from torch import nn
from torch.nn import functional as F

from keyhole.data.classes import STREETCAM
from keyhole.data.in_memory import read_pictures
from keyhole.data.sets.captions import captions_of
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.evaluation.reidentification import embed
from keyhole.metrics.interval import Interval, answers_interval, share_interval
from keyhole.nn.text_tower import MODEL, TextTower
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets import Target
from keyhole.targets.catalogue import folder_of
from keyhole.targets.target import Preprocess
from keyhole.train.tasks.caption_data import PUBLIC, CaptionedPictures
from keyhole.train.tasks.zero_shot import ZeroShot

_VEHICLES, _VIEWS = 1000, 6
"""Public pictures whose captions the texts are made of, as a training's are."""


@dataclass(frozen=True)
class FactShare:
    """How often one fact, or any, is told right, in percent.

    Attributes:
        value: of the pictures that have it.
        interval: 95 %; None: too few pictures.
        pictures: that have it.
        guessed: what who sees no picture gets, by saying what most public pictures show.
    """

    value: float
    interval: Interval | None
    pictures: int
    guessed: float


@dataclass(frozen=True)
class CaptionTrial:
    """Pictures of vehicles that nobody learned from, and captions of public ones.

    Attributes:
        pictures: with the captions that tell the truth.
        public: captions.
    """

    pictures: CaptionedPictures
    public: tuple[str, ...]

    @classmethod
    def read(
        cls, vehicles: int, views: int, size: Size, *, workers: int, folder: Path, console: Console
    ) -> CaptionTrial:
        """The trial on the first vehicles that figures are told of; drawn pictures are kept in a folder.

        Args:
            vehicles: how many.
            views: pictures of each.
            size: of the pictures, in pixels.
            workers: processes that draw; 0: this one.
            folder: where drawn pictures are kept.
            console: shows the progress.
        """
        passes = Passes(Streetcam("private-report", drawn_at(size)), vehicles, views)
        drawn, kept = read_pictures(passes, size, workers=workers, folder=folder, console=console)
        captions = tuple(captions_of(passes, kept, STREETCAM, "a trial"))
        told = Passes(Streetcam(PUBLIC, drawn_at(size)), _VEHICLES, _VIEWS)
        public = tuple(captions_of(told, range(len(told)), STREETCAM, "a trial"))
        return cls(CaptionedPictures(drawn, captions), public)

    @cached_property
    def _zero_shot(self) -> ZeroShot:
        return ZeroShot.of(STREETCAM, self.public)

    def shares(self, network: nn.Module, text: TextTower, preprocess: Preprocess) -> Mapping[str, FactShare]:
        """By the fact's name how often the nearest text tells it, and as ``all`` of all questions together.

        Args:
            network: N×3×H×W, normalised, to embeddings N×D.
            text: texts to such embeddings.
            preprocess: of the network.
        """
        own = F.normalize(embed(network, self.pictures.pictures, preprocess))
        right, asked = torch.zeros(2, len(self.pictures), dtype=torch.long)
        found, guesses = {}, 0.0
        for name, each in self._zero_shot.answers(text, own, self.pictures).items():
            right[each.places] += each.right.long()
            asked[each.places] += 1
            count, hits = len(each.places), int(each.right.sum())
            if count:
                guessed = self._guessed(name, each.places)
                guesses += guessed * count
                found[name] = FactShare(100 * hits / count, _percent(share_interval(hits, count)), count, 100 * guessed)
        total = int(asked.sum())
        interval = answers_interval(right.tolist(), asked.tolist())
        return found | {
            "all": FactShare(100 * int(right.sum()) / total, _percent(interval), len(own), 100 * guesses / total)
        }

    def _guessed(self, name: str, places: Sequence[int]) -> float:
        fact = next(fact for fact, _ in self._zero_shot.facts if fact.name == name)
        most = Counter(filter(None, map(fact.value, self.public))).most_common(1)[0][0]
        return sum(fact.value(self.pictures.captions[place]) == most for place in places) / len(places)


def text_tower_of(target: Target) -> TextTower:
    """The text tower that shares its embedding with a target's pictures.

    Raises:
        UsageError: none lies beside the target, or transformers is not installed.
    """
    check_text_tower(target)
    return TextTower.load(folder_of(target.name))


def check_text_tower(target: Target) -> None:
    """Refuse a target beside which no text tower lies.

    Raises:
        UsageError: there is none.
    """
    folder = folder_of(target.name)
    if not (folder / MODEL).is_dir():
        raise UsageError(
            f"{target.name} answers with an embedding that pictures share with texts, and no text tower lies beside it "
            f"(expected {folder / MODEL}): its accuracy can be measured where it is a folder of `keyhole train target "
            "--task captions`"
        )


def _percent(interval: Interval | None) -> Interval | None:
    return interval and (100 * interval[0], 100 * interval[1])
