"""Truth × reconstruction → score. Holds no socket, no file and no thread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keyhole.judge.recovery import Recovery
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Score, Truth
from keyhole.wire.errors import WireError
from monitor.checks import check_outcome, check_reconstruction, check_truth
from monitor.scoring import similarity


@dataclass(frozen=True)
class Case:
    """A reconstruction beside its truth.

    Attributes:
        truth: what the edge saw.
        reconstruction: what the adversary made of the features.
        score: PSNR in dB (peak 1), SSIM.
        at: Unix time of the verdict, seconds.
        recovery: what a judge read of the truth's secrets; None where there is no judge or nothing to ask it.
    """

    truth: Truth
    reconstruction: Reconstruction
    score: Score
    at: float
    recovery: Recovery | None = None


class Listener(Protocol):
    """Is told of everything that the referee accepts, from many threads; a frame's truth before its cases."""

    def witnessed(self, truth: Truth) -> None: ...

    def concluded(self, outcome: Outcome) -> None: ...

    def judged(self, case: Case) -> None: ...

    def unmatched(self, reconstruction: Reconstruction) -> None: ...


@dataclass(frozen=True)
class Limits:
    """What the referee holds in memory.

    Attributes:
        truths: newest truths that reconstructions are matched against.
        waiting: reconstructions that wait for their truth; the oldest leaves first.
        wait_seconds: how long one waits before it counts as unmatched.
    """

    truths: int = 1000
    waiting: int = 256
    wait_seconds: float = 10.0


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class _Waiting:
    reconstruction: Reconstruction
    until: float


class Referee:
    """Matches by frame id and scores.

    Args:
        listeners: told in this order.
        limits: bounds on memory and patience.
        known: truths of an earlier life of the same run, oldest first; nobody is told of them again.
        clock: Unix time, seconds.
        examine: says what a reconstruction gives away of its truth's secrets, which no answer to `submit` tells.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        limits: Limits = DEFAULT_LIMITS,
        known: Iterable[Truth] = (),
        clock: Callable[[], float] = time.time,
        examine: Callable[[Truth, Reconstruction], Recovery | None] | None = None,
    ) -> None:
        self._examine = examine
        self._listeners = tuple(listeners)
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._truths: OrderedDict[str, Truth] = OrderedDict()
        self._waiting: deque[_Waiting] = deque()
        for truth in known:
            self._remember(truth)

    @property
    def waiting(self) -> int:
        """Reconstructions whose truth has not come yet."""
        return len(self._waiting)

    def witness(self, truth: Truth) -> None:
        """Take the truth of a frame and score what has been waiting for it.

        The same frame id with another ``captured_at`` is a new frame (an edge that started again); with the same one
        it is a repeated call and changes nothing.

        Raises:
            WireError: see `monitor.checks.check_truth`.
        """
        check_truth(truth)
        with self._lock:
            earlier = self._truths.get(truth.frame_id)
            if earlier is not None and earlier.captured_at == truth.captured_at:
                return
            self._remember(truth)
            for listener in self._listeners:
                listener.witnessed(truth)
            met = [entry.reconstruction for entry in self._waiting if entry.reconstruction.frame_id == truth.frame_id]
            self._waiting = deque(e for e in self._waiting if e.reconstruction.frame_id != truth.frame_id)
        for reconstruction in met:
            try:
                self._judge(truth, reconstruction)
            except WireError:
                self._give_up(reconstruction)

    def conclude(self, outcome: Outcome) -> None:
        """Take what became of a frame.

        Raises:
            WireError: see `monitor.checks.check_outcome`.
        """
        check_outcome(outcome)
        for listener in self._listeners:
            listener.concluded(outcome)

    def submit(self, reconstruction: Reconstruction) -> Score | None:
        """The score of a reconstruction, which whoever made it must not see; None while its truth has not come.

        Raises:
            WireError: see `monitor.checks.check_reconstruction`; or the picture is not of the truth's size.
        """
        check_reconstruction(reconstruction)
        with self._lock:
            truth = self._truths.get(reconstruction.frame_id)
            if truth is None:
                self._waiting.append(_Waiting(reconstruction, self._clock() + self._limits.wait_seconds))
        if truth is None:
            self.expire()
            return None
        return self._judge(truth, reconstruction)

    def expire(self) -> None:
        """Count those that have waited too long, or are too many, as unmatched."""
        now, given_up = self._clock(), []
        with self._lock:
            while self._waiting and (self._waiting[0].until <= now or len(self._waiting) > self._limits.waiting):
                given_up.append(self._waiting.popleft().reconstruction)
        for reconstruction in given_up:
            self._give_up(reconstruction)

    def _judge(self, truth: Truth, reconstruction: Reconstruction) -> Score:
        psnr, ssim = similarity(reconstruction.picture, truth.picture)
        named = {field: getattr(reconstruction, field) for field in ("frame_id", "attack", "rung")}
        score = Score(**named, psnr=psnr, ssim=ssim)
        recovery = self._examine(truth, reconstruction) if self._examine else None
        case = Case(truth, reconstruction, score, self._clock(), recovery)
        for listener in self._listeners:
            listener.judged(case)
        return score

    def _give_up(self, reconstruction: Reconstruction) -> None:
        for listener in self._listeners:
            listener.unmatched(reconstruction)

    def _remember(self, truth: Truth) -> None:
        self._truths[truth.frame_id] = truth
        self._truths.move_to_end(truth.frame_id)
        while len(self._truths) > self._limits.truths:
            self._truths.popitem(last=False)
