"""Leaks of a run: what attacks scored, as thumbnails of the same truths, above the blind attacker's score."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from keyhole.metrics.thumbnails import HEADLINE, Thumbnail, ThumbnailScale

Key = TypeVar("Key", bound=Hashable)
Entry = TypeVar("Entry")
_COMPARED = 400


@dataclass(frozen=True)
class AttackLeak:
    """What an attack got from some frames.

    Attributes:
        thumbnail: that scores the same, on average over the frames.
        ssim: mean over the frames.
        frames: how many.
    """

    thumbnail: Thumbnail
    ssim: float
    frames: int


class LeakScale(Generic[Key]):
    """The scale of each frame, and what the blind attacker scored on it. Not safe for several threads.

    The blind attacker has several pictures to show. What it gets is the best of them, which is one and the same for
    all frames: nobody who sees nothing can choose anew for each.

    Args:
        most: newest frames that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._scales: OrderedDict[Key, ThumbnailScale] = OrderedDict()
        self._blind: OrderedDict[Key, dict[str, float]] = OrderedDict()
        self._sums: dict[str, tuple[float, int]] = {}

    def add_scale(self, frame: Key, scale: ThumbnailScale) -> None:
        """The scale of a frame's truth alone, by SSIM at least."""
        _keep(self._scales, frame, scale, self._most)

    def add_blind(self, frame: Key, rung: str, ssim: float) -> None:
        """The SSIM of one of the blind attacker's pictures."""
        total, count = self._sums.get(rung, (0.0, 0))
        self._sums[rung] = total + ssim, count + 1
        _keep(self._blind, frame, {**self._blind.get(frame, {}), rung: ssim}, self._most)

    def forget(self, frame: Key) -> None:
        """Another frame has this name from now on."""
        self._scales.pop(frame, None)
        self._blind.pop(frame, None)

    @property
    def blind(self) -> str | None:
        """Rung of the blind attacker's best picture, by mean SSIM over all frames; None: it has shown none."""
        means = {rung: total / count for rung, (total, count) in self._sums.items()}
        return max(means, key=means.__getitem__, default=None)

    def __contains__(self, frame: Key) -> bool:
        return frame in self._scales

    def pairs(self, frame: Key) -> bool:
        """Whether a frame has a scale and was shown blind."""
        return self._pairs(frame, self.blind)

    def leak(self, scores: Mapping[Key, float]) -> AttackLeak | None:
        """What reconstructions with these SSIMs give away, over the last 400 frames that have a scale and were shown
        blind; None where no frame has both.
        """
        rung = self.blind
        paired = [frame for frame in scores if self._pairs(frame, rung)][-_COMPARED:]
        if rung is None or not paired:
            return None
        full = self._scales[paired[-1]].full
        paired = [frame for frame in paired if self._scales[frame].full == full]
        mine = [scores[frame] for frame in paired]
        scale = _stacked([self._scales[frame] for frame in paired])
        thumbnail = scale.equivalent(HEADLINE, mine, [self._blind[frame][rung] for frame in paired])
        return AttackLeak(thumbnail, sum(mine) / len(mine), len(mine))

    def leak_of_each(self, scores: Sequence[tuple[Key, float]]) -> list[AttackLeak | None]:
        """What each reconstruction gives away by itself: frame and SSIM; None where `leak` would be of it alone."""
        rung = self.blind
        if rung is None:
            return [None] * len(scores)
        alike: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for place, (frame, _) in enumerate(scores):
            if self._pairs(frame, rung):
                scale = self._scales[frame]
                alike.setdefault((scale.full, scale.sides), []).append(place)
        leaks: list[AttackLeak | None] = [None] * len(scores)
        for places in alike.values():
            frames, ssim = zip(*(scores[place] for place in places), strict=True)
            blind = [self._blind[frame][rung] for frame in frames]
            thumbnails = _stacked([self._scales[frame] for frame in frames]).equivalent_of_each(HEADLINE, ssim, blind)
            for place, value, thumbnail in zip(places, ssim, thumbnails, strict=True):
                leaks[place] = AttackLeak(thumbnail, value, 1)
        return leaks

    def _pairs(self, frame: Key, rung: str | None) -> bool:
        return frame in self._scales and rung in self._blind.get(frame, {})


def _keep(entries: OrderedDict[Key, Entry], key: Key, value: Entry, most: int) -> None:
    entries[key] = value
    entries.move_to_end(key)
    while len(entries) > most:
        entries.popitem(last=False)


def _stacked(scales: Sequence[ThumbnailScale]) -> ThumbnailScale:
    """Scales of single pictures of one size as one scale, by the headline's metric."""
    first = scales[0]
    rows = [[each.scores[HEADLINE][row][0] for each in scales] for row in range(len(first.sides))]
    return ThumbnailScale(first.full, first.sides, {HEADLINE: rows})
