"""The pictures of a run: those of a source, or the frames of its clips."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from keyhole.data import Sample, open_source, take_samples
from keyhole.data.captioned import saying
from keyhole.data.clips import Window, open_clips
from keyhole.evaluation.settings import OfflineSettings
from keyhole.metrics.interval import Units
from keyhole.targets import Target

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attacked:
    """What is attacked.

    Attributes:
        samples: one after another; consecutive ones are the frames of a clip where there are clips.
        videos: what the clip of each sample was taken from; empty where there are no clips.
    """

    samples: Sequence[Sample]
    videos: Sequence[str] = ()

    @classmethod
    def by(cls, settings: OfflineSettings, target: Target, seed: int) -> Attacked:
        """The samples that settings say are attacked.

        Raises:
            FileNotFoundError: no such pictures.
            UsageError: no such clips, or no picture whose caption says what is asked for.
        """
        size = target.preprocess.size
        if settings.clip == 1:
            source = open_source(settings.source, pool="audit", size=size, seed=seed, secrets=settings.judge)
            shown = saying(source, settings.showing, settings.source) if settings.showing else source
            return cls(take_samples(shown, settings.n, settings.every))
        window = Window(settings.clip, settings.stride)
        clips = open_clips(settings.source, window, pool="audit", size=size, seed=seed, secrets=settings.judge)
        taken = list(islice(clips, 0, settings.n * settings.every, settings.every))
        different = len({clip.video for clip in taken})
        if different < len(taken):
            _log.warning("%d clips come from %d videos: clips of one video count as one", len(taken), different)
        pairs = [(sample, clip.video) for clip in taken for sample in clip.frames]
        return cls([sample for sample, _ in pairs], [video for _, video in pairs])

    @property
    def pictures(self) -> Tensor:
        """N×3×H×W in [0, 1]."""
        return torch.stack([sample.picture for sample in self.samples])

    @property
    def units(self) -> Units:
        """Number of each sample's video; None where there are no clips."""
        if not self.videos:
            return None
        numbers = {video: number for number, video in enumerate(dict.fromkeys(self.videos))}
        return [numbers[video] for video in self.videos]
