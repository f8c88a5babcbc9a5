"""Live state of a run for the page: its newest frames, scores and counts, in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from keyhole.metrics.base import Metric
from keyhole.metrics.thumbnails import Thumbnail
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Detection, Outcome, Presence, Reconstruction, Roster, Truth
from keyhole.wire.pictures import entry_name, measure_picture
from monitor.class_wall import CLASSES, PRIVATE, ClassWall
from monitor.deployment import Deployment
from monitor.leak_meter import LeakMeter
from monitor.scoring import Listener, ScoredReconstruction, scoring_metrics
from monitor.snapshot import (
    BLIND,
    Absence,
    AttackedFrame,
    AttackProgress,
    Attempt,
    BlindPicture,
    LiveSnapshot,
    ScorePoint,
)
from monitor.validation import TRUTH

FRAMES, POINTS, OUTCOMES, ARRIVALS, FOUND = 32, 600, 40, 200, 1024
_RATE_SECONDS = 10.0


class LiveState(Listener):
    """Holds the newest frames, scores and outcomes of a run, a bounded number of each.

    Args:
        clock: seconds, monotonic.
        metrics: that scores have values of; None: PSNR and SSIM.
        meter: knows the attacks' leaks; None: nobody measures them.
        wall: of classes; None: nobody fills one.
        found: boxes by frame id that an earlier life of the run was told of, oldest first.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        metrics: Sequence[Metric] | None = None,
        meter: LeakMeter | None = None,
        wall: ClassWall | None = None,
        found: Mapping[str, Sequence[Detection]] = MappingProxyType({}),
    ) -> None:
        self._clock = clock
        self._meter = meter or LeakMeter()
        self._wall = wall or ClassWall()
        self.metrics = scoring_metrics() if metrics is None else tuple(metrics)
        self._lock = threading.Lock()
        self._version = 0
        self._deployment: Deployment | None = None
        self._pictures: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._attempts: dict[str, dict[str, Attempt]] = {}
        self._truths: dict[str, tuple[str, float]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._detections: OrderedDict[str, tuple[Detection, ...]] = OrderedDict()
        self._progress: dict[str, AttackProgress] = {}
        self._current: dict[str, Attempt] = {}
        self._settled: dict[str, Attempt] = {}
        self._points: dict[str, deque[ScorePoint]] = {}
        self._blind: dict[str, int] = {}  # version of the picture by rung
        self._blind_pictures: dict[str, bytes] = {}
        self._blind_points: dict[str, deque[ScorePoint]] = {}
        self._outcomes: deque[Outcome] = deque(maxlen=OUTCOMES)
        self._arrivals: deque[float] = deque(maxlen=ARRIVALS)
        self._seen = self._answered = self._unmatched = 0
        self._dropped: Counter[str] = Counter()
        self._queues: Mapping[str, Callable[[], int]] = {}
        self._absences: dict[str, Absence] = {}
        for frame_id, boxes in found.items():
            self._keep_found(frame_id, boxes)

    def watch_queues(self, queues: Mapping[str, Callable[[], int]]) -> None:
        """Show the depths of queues by name."""
        self._queues = queues

    def picture(self, frame_id: str, name: str) -> bytes | None:
        """PNG bytes of the truth or of an attack's newest reconstruction, or none if the frame is no longer shown.

        The frame `monitor.snapshot.BLIND` has the blind attacker's pictures by rung; `monitor.class_wall.CLASSES` and
        `PRIVATE` have those of the wall.
        """
        if frame_id in (CLASSES, PRIVATE):
            return self._wall.picture(frame_id, name)
        with self._lock:
            pictures = self._blind_pictures if frame_id == BLIND else self._pictures.get(frame_id, {})
            return pictures.get(name)

    def witnessed(self, truth: Truth) -> None:
        with self._lock:
            self._version += 1
            self._seen += 1
            self._arrivals.append(self._clock())
            self._deployment = Deployment.read(truth.deployment)
            self._detections.pop(truth.frame_id, None)
            self._forget(truth.frame_id)

    def concluded(self, outcome: Outcome) -> None:
        with self._lock:
            self._version += 1
            if outcome.dropped:
                self._dropped[outcome.dropped] += 1
            else:
                self._answered += 1
                self._outcomes.append(outcome)
                self._keep_found(outcome.frame_id, outcome.detections)

    def judged(self, scored: ScoredReconstruction) -> None:
        told = scored.reconstruction
        with self._lock:
            self._version += 1
            if attacks.is_blind(told.attack):
                self._show_blind(scored)
                return
            pictures = self._pictures.setdefault(told.frame_id, {TRUTH: scored.truth.picture.png})
            entry = entry_name(told)
            pictures[entry] = told.picture.png
            self._truths[told.frame_id] = scored.truth.label, scored.truth.captured_at
            if told.frame_id not in self._sizes:
                self._sizes[told.frame_id] = measure_picture(scored.truth.picture, field="picture")
            attempt = _attempt(scored, self._version)
            self._attempts.setdefault(told.frame_id, {})[entry] = self._current[entry] = attempt
            if told.final:
                self._settled[entry] = attempt
            point = ScorePoint(scored.at, attempt.values, told.final)
            self._points.setdefault(entry, deque(maxlen=POINTS)).append(point)
            while len(self._pictures) > FRAMES:
                self._forget(min(self._pictures, key=lambda name: len(self._attempts[name])))

    def _show_blind(self, scored: ScoredReconstruction) -> None:
        """Keep a picture of the blind attacker, which belongs to no frame, and its score."""
        told = scored.reconstruction
        if self._blind_pictures.get(told.rung) != told.picture.png:
            self._blind_pictures[told.rung] = told.picture.png
            self._blind[told.rung] = self._version
        point = ScorePoint(scored.at, dict(scored.score.values), told.final)
        self._blind_points.setdefault(told.rung, deque(maxlen=POINTS)).append(point)

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:  # noqa: ARG002
        with self._lock:
            self._version += 1
            self._unmatched += 1

    def announced(self, roster: Roster) -> None:
        progress = {
            entry_name(status): AttackProgress(
                status.knowledge, status.tap, status.ready, status.steps, status.training
            )
            for status in roster.attacks
        }
        with self._lock:
            self._version += progress != self._progress
            self._progress = progress

    def attended(self, presence: Presence) -> None:
        """A process is there, or is no more."""
        with self._lock:
            self._version += 1
            if presence.running:
                self._absences.pop(presence.party, None)
            else:
                self._absences[presence.party] = Absence(time.time(), tuple(presence.last_words))

    def snapshot(self) -> LiveSnapshot:
        """The present."""
        leaks, leak_points, rung = self._meter.leaks, self._meter.points, self._meter.blind
        with self._lock:
            now = self._clock()
            frames = [self._frame(name) for name in self._pictures]
            return LiveSnapshot(
                version=self._version + self._wall.version,
                now=time.time(),
                deployment=self._deployment,
                attacks=tuple(attacks.in_order(self._points.keys() | self._progress.keys())),
                progress=self._progress,
                current=dict(self._current),
                settled=dict(self._settled),
                frames=tuple(reversed(frames)),
                points=self._all_points(rung),
                leaks=leaks,
                leak_points=leak_points,
                thumbnails=self._thumbnails(frames),
                blind=self._blind_picture(rung),
                outcomes=tuple(self._outcomes),
                seen=self._seen,
                answered=self._answered,
                dropped=dict(self._dropped),
                unmatched=self._unmatched,
                rate=sum(at > now - _RATE_SECONDS for at in self._arrivals) / _RATE_SECONDS,
                age=now - self._arrivals[-1] if self._arrivals else None,
                queues={name: depth() for name, depth in self._queues.items()},
                absences=dict(self._absences),
                wall=self._wall.snapshot(),
            )

    def _all_points(self, rung: str | None) -> dict[str, tuple[ScorePoint, ...]]:
        points = {name: tuple(found) for name, found in self._points.items()}
        return {**points, attacks.BLIND: tuple(self._blind_points[rung])} if rung in self._blind_points else points

    def _blind_picture(self, rung: str | None) -> BlindPicture | None:
        if rung is None or rung not in self._blind:
            return None
        points = self._blind_points[rung]
        names = dict.fromkeys(name for point in points for name in point.values)
        found = {name: [point.values[name] for point in points if name in point.values] for name in names}
        means = {name: sum(values) / len(values) for name, values in found.items()}
        return BlindPicture(rung, self._blind[rung], means)

    def _thumbnails(self, frames: Sequence[AttackedFrame]) -> dict[tuple[str, str], Thumbnail]:
        pairs = [(frame.frame_id, name, each.ssim) for frame in frames for name, each in frame.attempts.items()]
        leaks = {(frame, name): self._meter.of_frame(frame, ssim) for frame, name, ssim in pairs}
        return {key: leak.thumbnail for key, leak in leaks.items() if leak}

    def _frame(self, frame_id: str) -> AttackedFrame:
        return AttackedFrame(
            frame_id,
            *self._truths[frame_id],
            dict(self._attempts[frame_id]),
            self._detections.get(frame_id, ()),
            self._sizes[frame_id],
        )

    def _keep_found(self, frame_id: str, found: Sequence[Detection]) -> None:
        """Keep what the cloud found in a frame; attacks may get to it much later."""
        if found:
            self._detections[frame_id] = tuple(found)
            while len(self._detections) > FOUND:
                self._detections.popitem(last=False)

    def _forget(self, frame_id: str) -> None:
        self._pictures.pop(frame_id, None)
        self._attempts.pop(frame_id, None)
        self._truths.pop(frame_id, None)
        self._sizes.pop(frame_id, None)


def _attempt(scored: ScoredReconstruction, version: int) -> Attempt:
    told = scored.reconstruction
    return Attempt(
        frame_id=told.frame_id,
        attack=entry_name(told),
        knowledge=told.knowledge,
        tap=told.tap,
        values=dict(scored.score.values),
        iteration=told.iteration,
        seconds=told.seconds,
        final=told.final,
        backlog=told.backlog,
        skipped=told.dropped,
        at=scored.at,
        version=version,
        recovery=scored.recovery,
        clip=tuple(told.clip),
        text=told.text,
        queries=told.queries,
        trained_before=told.trained_before,
    )
