"""Live state of a run for the page: its newest frames, scores and counts, in memory, and the alarm."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Outcome, Presence, Reconstruction, Truth
from keyhole.wire.pictures import entry_name
from monitor.deployment import Deployment
from monitor.scoring import Listener, ScoredReconstruction, scoring_metrics
from monitor.validation import TRUTH

FRAMES, POINTS, OUTCOMES, ARRIVALS = 32, 600, 40, 200
_RATE_SECONDS = 10.0


@dataclass(frozen=True)
class Attempt:
    """An attack's newest reconstruction of a frame.

    Attributes:
        attack: with its rung, see `keyhole.wire.pictures.entry_name`; so in the other classes here.
        values: by metric.
        version: changes with every new picture.
        at: Unix time, seconds.
        recovery: what the judge read from it; None where it was not asked.
    """

    frame_id: str
    attack: str
    knowledge: str
    tap: str
    values: Mapping[str, float]
    iteration: int
    seconds: float
    final: bool
    backlog: int
    skipped: int
    at: float
    version: int
    recovery: Recovery | None = None

    @property
    def ssim(self) -> float:
        """SSIM, which raises the alarm."""
        return self.values["ssim"]

    @property
    def title(self) -> str:
        """The attack as a heading."""
        return attacks.title(self.attack, self.knowledge)


@dataclass(frozen=True)
class ScorePoint:
    """Values by metric on the time axis; ``at`` is Unix time, seconds."""

    at: float
    values: Mapping[str, float]
    final: bool


@dataclass(frozen=True)
class AttackedFrame:
    """A frame and what was made of it, by attack."""

    frame_id: str
    label: str
    attempts: Mapping[str, Attempt]


@dataclass(frozen=True)
class Absence:
    """A process that has ended.

    Attributes:
        since: Unix time, seconds.
        last_words: how it ended, then the end of its log.
    """

    since: float
    last_words: tuple[str, ...]


@dataclass(frozen=True)
class LiveSnapshot:
    """What the page shows.

    Attributes:
        version: changes whenever anything does.
        deployment: of the newest frame; none before the first.
        attacks: names in the order of display.
        current: by attack, its newest reconstruction.
        settled: by attack, its newest final reconstruction.
        frames: attacked frames, the newest first.
        points: scores by attack, oldest first.
        outcomes: of the newest frames, oldest first.
        seen: frames witnessed since the monitor started.
        dropped: frames by reason.
        rate: frames a second, over the last ten.
        age: seconds since the newest frame; none before the first.
        queues: depths by name.
        absences: processes that have ended, by name.
    """

    version: int
    deployment: Deployment | None
    attacks: tuple[str, ...]
    current: Mapping[str, Attempt]
    settled: Mapping[str, Attempt]
    frames: tuple[AttackedFrame, ...]
    points: Mapping[str, tuple[ScorePoint, ...]]
    outcomes: tuple[Outcome, ...]
    seen: int
    answered: int
    dropped: Mapping[str, int]
    unmatched: int
    rate: float
    age: float | None
    queues: Mapping[str, int]
    absences: Mapping[str, Absence]


class LiveState(Listener):
    """Holds the newest frames, scores and outcomes of a run, a bounded number of each.

    Args:
        clock: seconds, monotonic.
        metrics: that scores have values of; None: PSNR and SSIM.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, metrics: Sequence[Metric] | None = None) -> None:
        self._clock = clock
        self.metrics = scoring_metrics() if metrics is None else tuple(metrics)
        self._lock = threading.Lock()
        self._version = 0
        self._deployment: Deployment | None = None
        self._pictures: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._attempts: dict[str, dict[str, Attempt]] = {}
        self._labels: dict[str, str] = {}
        self._current: dict[str, Attempt] = {}
        self._settled: dict[str, Attempt] = {}
        self._points: dict[str, deque[ScorePoint]] = {}
        self._outcomes: deque[Outcome] = deque(maxlen=OUTCOMES)
        self._arrivals: deque[float] = deque(maxlen=ARRIVALS)
        self._seen = self._answered = self._unmatched = 0
        self._dropped: Counter[str] = Counter()
        self._queues: Mapping[str, Callable[[], int]] = {}
        self._absences: dict[str, Absence] = {}

    def watch_queues(self, queues: Mapping[str, Callable[[], int]]) -> None:
        """Show the depths of queues by name."""
        self._queues = queues

    def picture(self, frame_id: str, name: str) -> bytes | None:
        """PNG bytes of the truth or of an attack's newest reconstruction, or none if the frame is no longer shown."""
        with self._lock:
            return self._pictures.get(frame_id, {}).get(name)

    def witnessed(self, truth: Truth) -> None:
        with self._lock:
            self._version += 1
            self._seen += 1
            self._arrivals.append(self._clock())
            self._deployment = Deployment.read(truth.deployment)
            self._forget(truth.frame_id)

    def concluded(self, outcome: Outcome) -> None:
        with self._lock:
            self._version += 1
            if outcome.dropped:
                self._dropped[outcome.dropped] += 1
            else:
                self._answered += 1
                self._outcomes.append(outcome)

    def judged(self, scored: ScoredReconstruction) -> None:
        told = scored.reconstruction
        with self._lock:
            self._version += 1
            pictures = self._pictures.setdefault(told.frame_id, {TRUTH: scored.truth.picture.png})
            entry = entry_name(told)
            pictures[entry] = told.picture.png
            self._labels[told.frame_id] = scored.truth.label
            attempt = _attempt(scored, self._version)
            self._attempts.setdefault(told.frame_id, {})[entry] = self._current[entry] = attempt
            if told.final:
                self._settled[entry] = attempt
            point = ScorePoint(scored.at, attempt.values, told.final)
            self._points.setdefault(entry, deque(maxlen=POINTS)).append(point)
            while len(self._pictures) > FRAMES:
                self._forget(min(self._pictures, key=lambda name: len(self._attempts[name])))

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:  # noqa: ARG002
        with self._lock:
            self._version += 1
            self._unmatched += 1

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
        with self._lock:
            now = self._clock()
            frames = [AttackedFrame(name, self._labels[name], dict(self._attempts[name])) for name in self._pictures]
            return LiveSnapshot(
                version=self._version,
                deployment=self._deployment,
                attacks=tuple(attacks.in_order(self._points)),
                current=dict(self._current),
                settled=dict(self._settled),
                frames=tuple(reversed(frames)),
                points={name: tuple(points) for name, points in self._points.items()},
                outcomes=tuple(self._outcomes),
                seen=self._seen,
                answered=self._answered,
                dropped=dict(self._dropped),
                unmatched=self._unmatched,
                rate=sum(at > now - _RATE_SECONDS for at in self._arrivals) / _RATE_SECONDS,
                age=now - self._arrivals[-1] if self._arrivals else None,
                queues={name: depth() for name, depth in self._queues.items()},
                absences=dict(self._absences),
            )

    def _forget(self, frame_id: str) -> None:
        self._pictures.pop(frame_id, None)
        self._attempts.pop(frame_id, None)
        self._labels.pop(frame_id, None)


class Alarm:
    """A threshold of SSIM that the page can move; one for all who look.

    Args:
        threshold: SSIM from which a reconstruction is recognisable.
    """

    def __init__(self, threshold: float) -> None:
        self._lock = threading.Lock()
        self._threshold = threshold

    @property
    def threshold(self) -> float:
        """SSIM from which a reconstruction is recognisable."""
        with self._lock:
            return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        with self._lock:
            self._threshold = value

    def raised_by(self, snapshot: LiveSnapshot) -> list[Attempt]:
        """What is recognisable now, the most alike first.

        An attack raises the alarm with the picture it works on or, while that one is still below the threshold, with
        the last one it finished.
        """
        threshold = self.threshold
        raised: dict[str, Attempt] = {}
        for attempts in (snapshot.settled, snapshot.current):
            raised.update({name: attempt for name, attempt in attempts.items() if attempt.ssim >= threshold})
        return sorted(raised.values(), key=lambda attempt: -attempt.ssim)


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
    )
