"""The leak meter: measures the thumbnail scale of scored truths beside the run, and states attacks' leaks by it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import HEADLINE, ThumbnailScale
from keyhole.presentation import attacks
from keyhole.service.lifecycle import Stop
from keyhole.v1.referee_pb2 import Truth
from keyhole.wire.pictures import entry_name, unpack_picture
from monitor.leaks import AttackLeak, LeakScale
from monitor.scoring import Listener, ScoredReconstruction

WINDOW = 12
"""Newest finished frames that an attack's leak is stated of."""
KEPT, CANDIDATES, POINTS, REMEMBERED = 256, 64, 600, 4096
_REST = 9.0
"""Seconds of rest for each second of measuring: a tenth of one core at most."""
_MANY, _SELDOM_SECONDS = 100, 10.0
"""After so many frames a run's scale is known; then it is only kept up to date."""
_LAST_SECONDS = 2.0
_POLL_SECONDS = 0.5
Stored = Callable[[Truth, ThumbnailScale], object]
_log = logging.getLogger(__name__)


@dataclass
class _Candidate:
    """A truth whose scale is not measured, and the attacks that finished it."""

    truth: Truth
    finished: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class LeakPoint:
    """An attack's leak as it was at some time: Unix time, seconds."""

    at: float
    leak: AttackLeak


class LeakMeter(Listener):
    """States leaks of the newest frames that each attack finished. Safe for several threads.

    Args:
        stored: is told of each scale that was measured, with its truth.
        clock: seconds, monotonic.
    """

    def __init__(
        self, stored: Stored = lambda _truth, _scale: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stored = stored
        self._clock = clock
        self._lock = threading.Lock()
        self._scale: LeakScale[str] = LeakScale(KEPT)
        self._candidates: OrderedDict[str, _Candidate] = OrderedDict()
        self._windows: dict[str, OrderedDict[str, float]] = {}
        self._leaks: dict[str, AttackLeak] = {}
        self._points: dict[str, deque[LeakPoint]] = {}
        self._of_frames: dict[tuple[str, float, str | None], AttackLeak | None] = {}
        self._stated: dict[str, tuple[str | None, dict[str, float]]] = {}

    def know(self, scales: Iterable[tuple[str, ThumbnailScale]], blind: Iterable[tuple[str, str, float]]) -> None:
        """Go on with what an earlier life of the run stored.

        Args:
            scales: by frame id, oldest first.
            blind: frame id, rung and SSIM of what the blind attacker showed.
        """
        with self._lock:
            for frame, scale in scales:
                self._scale.add_scale(frame, scale)
            for frame, rung, ssim in blind:
                self._scale.add_blind(frame, rung, ssim)

    def witnessed(self, truth: Truth) -> None:
        with self._lock:
            self._scale.forget(truth.frame_id)
            self._candidates.pop(truth.frame_id, None)
            for window in self._windows.values():
                window.pop(truth.frame_id, None)

    def judged(self, scored: ScoredReconstruction) -> None:
        told, ssim = scored.reconstruction, scored.score.values[HEADLINE]
        if not told.final:
            return
        entry = entry_name(told)
        with self._lock:
            if attacks.is_blind(entry):
                self._scale.add_blind(told.frame_id, told.rung, ssim)
            else:
                window = self._windows.setdefault(entry, OrderedDict())
                window[told.frame_id] = ssim
                while len(window) > 2 * WINDOW:
                    window.popitem(last=False)
                if told.frame_id not in self._scale:
                    candidate = self._candidates.setdefault(told.frame_id, _Candidate(scored.truth))
                    candidate.finished.add(entry)
                    while len(self._candidates) > CANDIDATES:
                        self._candidates.pop(min(self._candidates, key=self._importance))

    @property
    def blind(self) -> str | None:
        """Rung of the blind attacker's best picture."""
        with self._lock:
            return self._scale.blind

    @property
    def leaks(self) -> dict[str, AttackLeak]:
        """By attack, over the newest frames that it finished and that have a scale; without attacks that have none."""
        with self._lock:
            return dict(self._leaks)

    @property
    def points(self) -> dict[str, tuple[LeakPoint, ...]]:
        """The leaks as they were from time to time, by attack, oldest first."""
        with self._lock:
            return {name: tuple(points) for name, points in self._points.items()}

    def of_frame(self, frame_id: str, ssim: float) -> AttackLeak | None:
        """What one reconstruction gives away of its frame; None before its scale is measured."""
        with self._lock:
            if not self._scale.pairs(frame_id):
                return None
            key = frame_id, ssim, self._scale.blind
            if key not in self._of_frames:
                if len(self._of_frames) > REMEMBERED:
                    self._of_frames.clear()
                self._of_frames[key] = self._scale.leak({frame_id: ssim})
            return self._of_frames[key]

    def measure(self, stop: Stop) -> None:
        """Measure scales until ``stop``, then those that matter most; on the caller's thread."""
        torch.set_num_threads(1)
        due, measured = self._clock(), 0
        while not stop.wait(_POLL_SECONDS):
            started = self._clock()
            if started >= due and self.measure_next():
                measured += 1
                now = self._clock()
                due = now + max(_REST * (now - started), _SELDOM_SECONDS if measured > _MANY else 0.0)
            self.restate()
        end = self._clock() + _LAST_SECONDS
        while self._clock() < end and self.measure_next(least=2):
            pass

    def measure_next(self, least: int = 1) -> bool:
        """Measure the scale of the truth that most attacks finished, the newest of these; whether there was one.

        Args:
            least: attacks that must have finished it.
        """
        with self._lock:
            name = max(reversed(self._candidates), key=lambda one: len(self._candidates[one].finished), default=None)
            if name is None or len(self._candidates[name].finished) < least:
                return False
            truth = self._candidates.pop(name).truth
        pixels = unpack_picture(truth.picture, field="picture")
        scale = ThumbnailScale.measure(pixels[None], [METRICS[HEADLINE]])
        with self._lock:
            self._scale.add_scale(name, scale)
        try:
            self._stored(truth, scale)
        except Exception:
            _log.exception("a scale is not stored")
        return True

    def restate(self) -> None:
        """State the leaks of attacks whose newest measured frames are others than before."""
        with self._lock:
            rung = self._scale.blind
            for name, window in self._windows.items():
                known = {frame: ssim for frame, ssim in window.items() if self._scale.pairs(frame)}
                newest = dict(tuple(known.items())[-WINDOW:])
                if self._stated.get(name) == (rung, newest):
                    continue
                self._stated[name] = rung, newest
                leak = self._scale.leak(newest)
                if leak is not None:
                    self._leaks[name] = leak
                    self._points.setdefault(name, deque(maxlen=POINTS)).append(LeakPoint(time.time(), leak))

    def _importance(self, name: str) -> int:
        return len(self._candidates[name].finished)
