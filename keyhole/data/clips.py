"""Clips: consecutive frames of one scene, as an endless stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from keyhole.data.decoding import UnreadableError, resize_and_crop
from keyhole.data.sample import Pool, Sample
from keyhole.data.sets.catalogue import SETS, open_collection
from keyhole.data.sets.collection import Collection
from keyhole.data.source import NAMED, resized
from keyhole.data.streetcam.stream import DrivingBy, Streetcam, drawn_at
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

_log = logging.getLogger(__name__)
_STREETCAM = ("streetcam", "streetcam-clips")
STREETCAM_RATE = 25.0
"""Frames a second of streetcam's clips."""


@dataclass(frozen=True)
class Window:
    """Which frames of a video a clip has.

    Attributes:
        frames: of a clip.
        stride: from one to the next, in frames of the video; 1: every frame.
    """

    frames: int
    stride: int = 1

    @property
    def span(self) -> int:
        """Frames of the video from the first to the last."""
        return (self.frames - 1) * self.stride + 1


@dataclass(frozen=True)
class Clip:
    """Frames of one scene in their order.

    Attributes:
        frames: samples of one size.
        video: what they are taken from: clips of one video are alike.
    """

    frames: tuple[Sample, ...]
    video: str


class ClipSource(Protocol):
    """An endless stream of clips, the same for the same seed."""

    def __iter__(self) -> Iterator[Clip]: ...


@dataclass(frozen=True)
class StreetcamClips:
    """Vehicles that drive through before cameras that stand still; each clip is a video of its own.

    Attributes:
        source: which vehicles; clip n shows that of its picture n before the same camera.
        window: frames and stride at `STREETCAM_RATE`.
        size: of the frames in pixels.
    """

    source: Streetcam
    window: Window
    size: Size

    def __iter__(self) -> Iterator[Clip]:
        for number in count():
            taken = self.source.clip_item(number, self.window.frames, STREETCAM_RATE / self.window.stride)
            yield Clip(tuple(resized(taken, self.source.size, self.size)), f"streetcam {number}")


@dataclass(frozen=True)
class ListedClips:
    """Clips of a finite set: in every round one of each video, from a seeded place in it.

    A file that is missing or unreadable is named in a warning; clips with it are passed over.

    Attributes:
        collection: the set, whose facts name the videos.
        window: frames and stride.
        size: to which frames are fitted, in pixels.
        seed: of order and places.
        name: of the set, for messages.

    Raises:
        UsageError: its pictures are no frames of clips, or no video has so many frames.
    """

    collection: Collection
    window: Window
    size: Size
    seed: int
    name: str

    def __post_init__(self) -> None:
        videos = self._videos()
        if not videos:
            raise UsageError(
                f"{self.name} does not say which of its pictures are frames of one video: a folder or zip with a "
                f"folder of numbered frames for each video is named clips:PATH"
            )
        lengths = [len(places) for places in videos.values()]
        wanted = f"--clip {self.window.frames} --stride {self.window.stride} takes {self.window.span}"
        short = sum(length < self.window.span for length in lengths)
        if short == len(lengths):
            raise UsageError(
                f"{self.name}: none of {len(lengths)} videos of this pool has enough frames; the longest has "
                f"{max(lengths)}, and {wanted}"
            )
        if short:
            _log.warning("%s: %d of %d videos are passed over, for %s frames", self.name, short, len(lengths), wanted)

    def __iter__(self) -> Iterator[Clip]:
        random = torch.Generator().manual_seed(self.seed)
        videos = [(video, places) for video, places in self._videos().items() if len(places) >= self.window.span]
        faults: dict[int, Exception] = {}
        while True:
            shown = 0
            for number in torch.randperm(len(videos), generator=random).tolist():
                video, places = videos[number]
                if frames := self._taken(places, faults, random):
                    shown += 1
                    yield Clip(frames, video)
            if not shown:
                raise UnreadableError(f"{self.name}: no clip can be read; the last fault: {list(faults.values())[-1]}")

    def _taken(
        self, places: Sequence[int], faults: dict[int, Exception], random: torch.Generator
    ) -> tuple[Sample, ...] | None:
        """A clip of a video, of frames that can be read; None where it has none. Faults that are found are added."""
        span, stride = self.window.span, self.window.stride
        clips = [places[first : first + span : stride] for first in range(len(places) - span + 1)]
        while clips := [clip for clip in clips if faults.keys().isdisjoint(clip)]:
            place, frames = -1, []
            try:
                for place in clips[int(torch.randint(len(clips), (), generator=random))]:
                    frames.append(self._sample(place))
            except (FileNotFoundError, UnreadableError) as error:
                faults[place] = error
                _log.warning("clips with this frame are passed over: %s", error)
            else:
                return tuple(frames)
        return None

    def _videos(self) -> dict[str, list[int]]:
        """Places of each video's frames in their order."""
        found: dict[str, list[tuple[int, int]]] = {}
        for place in range(len(self.collection)):
            facts = self.collection.facts(place)
            if facts.clip is not None:
                found.setdefault(facts.clip, []).append((facts.frame or 0, place))
        return {video: [place for _, place in sorted(frames)] for video, frames in found.items()}

    def _sample(self, place: int) -> Sample:
        record = self.collection[place]
        return Sample(resize_and_crop(record.picture, self.size), record.identity)


def open_clips(
    spec: str, window: Window, *, pool: Pool, size: Size, seed: int = 0, secrets: bool = False
) -> ClipSource:
    """Open a stream of clips.

    Args:
        spec: ``streetcam``, or a set with videos, as ``clips:PATH``.
        window: frames and stride.
        pool: see `keyhole.data.open_source`; the pools share no video.
        size: of the frames, in pixels.
        seed: of order and places.
        secrets: whether samples carry the labels of their secrets, where the source has any.

    Raises:
        MissingError: no such path, or a file of a set is missing.
        UsageError: there are no clips, or none of so many frames.

    >>> clip = next(iter(open_clips("streetcam", Window(2), pool="audit", size=64)))
    >>> [frame.picture.shape for frame in clip.frames]
    [torch.Size([3, 64, 64]), torch.Size([3, 64, 64])]
    """
    if spec in _STREETCAM:
        return StreetcamClips(Streetcam(pool, drawn_at(size), seed, secrets=secrets), window, size)
    name, _, root = spec.partition(":")
    exists = (name in SETS and root) or Path(spec).expanduser().exists()
    if spec in NAMED or ("+" in spec and not exists):
        raise UsageError(f"{spec} has no clips: streetcam has, and clips:PATH")
    return ListedClips(open_collection(spec, pool), window, size, seed, spec)


def public_clips(spec: str, window: Window, size: Size, seed: int) -> Iterator[Tensor]:
    """An endless iterator over clips of the public pool, half of them mirrored; see `public_pictures`.

    Returns:
        RGB in [0, 1], K×3×H×W each, in steps of 1/255.

    Raises:
        UsageError: no such clips.
    """
    try:
        source = open_clips(spec, window, pool="public", size=size, seed=seed)
    except (FileNotFoundError, UsageError) as error:
        raise UsageError(f"--public: {error}") from error
    return map(partial(_mirrored, random=torch.Generator().manual_seed(seed)), source)


def live_window(spec: str, frames: int, stride: float) -> Window:
    """The window of public clips that are like those of a live tap.

    Args:
        spec: of the clips, whose videos are taken to have 25 frames a second.
        frames: of a clip.
        stride: seconds from one to the next; 0: as an edge shows one frame after another, which of streetcam are
            `DrivingBy.rate` a second, of videos all.
    """
    if stride:
        return Window(frames, max(1, round(STREETCAM_RATE * stride)))
    return Window(frames, round(STREETCAM_RATE / DrivingBy.rate) if spec in _STREETCAM else 1)


def _mirrored(clip: Clip, random: torch.Generator) -> Tensor:
    frames = torch.stack([frame.picture for frame in clip.frames])
    return frames.flip(-1) if torch.rand((), generator=random) < 0.5 else frames
