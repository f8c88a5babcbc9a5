"""Truth × reconstruction → score. Holds no socket, no file and no thread."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from keyhole.data.secrets import SecretLabels
from keyhole.judge.recovery import Recovery
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Account, Outcome, Reconstruction, Score, Truth
from keyhole.wire.errors import WireError
from keyhole.wire.limits import MIB
from monitor.bounded import Bounded, Names
from monitor.checks import (
    CheckedReconstruction,
    CheckedTruth,
    check_account,
    check_outcome,
    check_reconstruction,
    check_size,
    check_truth,
)
from monitor.listener import CROWDED_OUT, ENDED, NO_TRUTH, REPEATED, UNFIT, Case, Listener
from monitor.scoring import similarity

_TURNS = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What the referee holds in memory.

    Attributes:
        truths: newest truths that reconstructions are matched against.
        waiting: reconstructions that wait for their truth; the oldest leaves first.
        wait_seconds: how long one waits before it counts as unmatched.
        megabytes: of pictures, in MiB, once for the truths and once for what waits; a picture counts with its PNG and
            its decoded pixels.
    """

    truths: int = 1000
    waiting: int = 256
    wait_seconds: float = 10.0
    megabytes: int = 256


DEFAULT_LIMITS = Limits()


@dataclass
class _Frame:
    """A truth, and the attacks (as entries) that have finished with it."""

    truth: CheckedTruth
    finished: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Waiting:
    number: int
    reconstruction: CheckedReconstruction
    until: float


class Referee:
    """Matches by frame id and scores. What a call brought is told to the listeners before the call returns.

    Args:
        listeners: told in this order.
        limits: bounds on memory and patience.
        known: truths of an earlier life of the same run, oldest first; nobody is told of them again.
        clock: seconds, monotonic.
        examine: says what an attack's last picture of a frame gives away of its truth's secrets, from their labels and
            the picture's pixels (RGB, 3×H×W in [0, 1]); no answer to `submit` tells it.
        names: of the attacks that may submit; none: whichever come first, as many as `monitor.bounded.Names` takes.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        limits: Limits = DEFAULT_LIMITS,
        known: Iterable[Truth] = (),
        clock: Callable[[], float] = time.monotonic,
        examine: Callable[[SecretLabels, Tensor], Recovery | None] | None = None,
        names: Iterable[str] = (),
    ) -> None:
        self._examine = examine
        self._listeners = tuple(listeners)
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._turns = tuple(threading.RLock() for _ in range(_TURNS))
        self._numbers = itertools.count()
        self._frames: Bounded[str, _Frame] = Bounded(limits.truths, limits.megabytes * MIB)
        self._waiting: Bounded[int, _Waiting] = Bounded(limits.waiting, limits.megabytes * MIB)
        self._concluded: Bounded[str, str] = Bounded(limits.truths, limits.megabytes * MIB)
        self._attacks, self._entries, self._edges = Names(names), Names(), Names()
        self._reasons, self._stages = Names(), Names()
        for truth in known:
            self._remember(CheckedTruth.read(truth))

    @property
    def waiting(self) -> int:
        """Reconstructions whose truth has not come yet."""
        return len(self._waiting)

    def witness(self, truth: Truth) -> None:
        """Take the truth of a frame and score what has been waiting for it.

        The same frame id with another ``captured_at`` is a new frame (an edge that started again); with the same one
        it is a repeated call and changes nothing.

        Raises:
            WireError: see `monitor.checks.check_truth`, or what a listener raised.
        """
        checked = check_truth(truth)
        with self._turn(truth.frame_id):
            self._witness(checked)

    def _witness(self, truth: CheckedTruth) -> None:
        frame_id, captured_at = truth.message.frame_id, truth.message.captured_at
        with self._lock:
            earlier = self._frames.get(frame_id)
        if earlier is not None and earlier.truth.message.captured_at == captured_at:
            return
        for listener in self._listeners:
            listener.witnessed(truth.message)
        with self._lock:
            frame = self._remember(truth)
            self._concluded.pop(frame_id)
            met = [one for one in self._waiting if one.reconstruction.message.frame_id == frame_id]
            for one in met:
                self._waiting.pop(one.number)
        for one in met:
            try:
                self._meet(frame, one)
            except WireError as error:
                _log.warning("a reconstruction that waited is not scored", extra={"reason": str(error)})
                self._give_up(one, UNFIT)

    def conclude(self, outcome: Outcome) -> None:
        """Take what became of a frame; a repeated call changes nothing.

        Raises:
            WireError: see `monitor.checks.check_outcome`, or what a listener raised.
        """
        check_outcome(outcome)
        self._reasons.check("dropped", outcome.dropped)
        for stage in outcome.stages:
            self._stages.check("stages", stage)
        with self._turn(outcome.frame_id):
            with self._lock:
                repeated = self._concluded.get(outcome.frame_id) is not None
            if repeated:
                return
            for listener in self._listeners:
                listener.concluded(outcome)
            with self._lock:
                self._concluded.put(outcome.frame_id, outcome.frame_id, len(outcome.frame_id))

    def settle(self, account: Account) -> None:
        """Take what an edge counted so far, in the place of its earlier account.

        Raises:
            WireError: see `monitor.checks.check_account`, or what a listener raised.
        """
        check_account(account)
        self._edges.check("edge", account.edge)
        for reason in account.dropped:
            self._reasons.check("dropped", reason)
        for listener in self._listeners:
            listener.settled(account)

    def submit(self, reconstruction: Reconstruction) -> Score | None:
        """The score of a reconstruction, which whoever made it must not see.

        Returns:
            None while its truth has not come, and for whatever follows an attack's final picture of a frame.

        Raises:
            WireError: see `monitor.checks.check_reconstruction`; the picture has another size than the frames, or no
                truth has that size; or what a listener raised.
        """
        checked = check_reconstruction(reconstruction)
        entry = attacks.entry(reconstruction)
        self._attacks.check("attack", reconstruction.attack)
        self._entries.check("rung", entry)
        with self._lock:
            frame = self._frames.get(reconstruction.frame_id)
            sizes = {one.truth.picture.size for one in ([frame] if frame else self._frames)}
        check_size(checked.picture.size, sizes)
        return self._judge(frame, checked) if frame else self._wait(checked)

    def expire(self) -> None:
        """Give up those that have waited too long."""
        now, given_up = self._clock(), []
        with self._lock:
            for one in tuple(self._waiting):
                if one.until <= now:
                    self._waiting.pop(one.number)
                    given_up.append(one)
        for one in given_up:
            self._give_up(one, NO_TRUTH)

    def close(self) -> None:
        """Give up all that wait."""
        with self._lock:
            given_up = [self._waiting.pop_oldest() for _ in range(len(self._waiting))]
        for one in given_up:
            self._give_up(one, ENDED)

    def _turn(self, frame_id: str) -> threading.RLock:
        """Held while a frame's message is told: an edge that repeats a call does not wait for the first one's end."""
        return self._turns[hash(frame_id) % _TURNS]

    def _wait(self, reconstruction: CheckedReconstruction) -> Score | None:
        reconstruction.picture.decode()  # refused now, not when its truth is there
        for listener in self._listeners:
            listener.waits(reconstruction.message)
        one = _Waiting(next(self._numbers), reconstruction, self._clock() + self._limits.wait_seconds)
        crowded_out: list[_Waiting] = []
        with self._lock:
            frame = self._frames.get(reconstruction.message.frame_id)
            if frame is None:
                crowded_out = self._waiting.put(one.number, one, reconstruction.picture.most_bytes)
        for other in crowded_out:
            self._give_up(other, CROWDED_OUT)
        return self._meet(frame, one) if frame else None

    def _meet(self, frame: _Frame, one: _Waiting) -> Score | None:
        """Judge one that waited, or tell that its attack had finished."""
        score = self._judge(frame, one.reconstruction, waited=True)
        if score is None:
            self._give_up(one, REPEATED)
        return score

    def _judge(self, frame: _Frame, reconstruction: CheckedReconstruction, *, waited: bool = False) -> Score | None:
        told, truth = reconstruction.message, frame.truth
        entry = attacks.entry(told)
        if entry in frame.finished:
            return None
        check_size(reconstruction.picture.size, {truth.picture.size})
        pixels = reconstruction.picture.pixels
        psnr, ssim = similarity(pixels, truth.picture.pixels)
        score = Score(frame_id=told.frame_id, attack=told.attack, rung=told.rung, psnr=psnr, ssim=ssim)
        recovery = self._examine(truth.labels, pixels) if self._examine and told.final and truth.labels else None
        case = Case(truth.message, told, score, time.time(), recovery, waited)
        for listener in self._listeners:
            listener.judged(case)
        if told.final:
            frame.finished.add(entry)
        return score

    def _give_up(self, one: _Waiting, reason: str) -> None:
        """Tell that one will not be scored; where that cannot be stored, it is told when the run is opened again."""
        with contextlib.suppress(WireError):
            for listener in self._listeners:
                listener.unmatched(one.reconstruction.message, reason)

    def _remember(self, truth: CheckedTruth) -> _Frame:
        frame = _Frame(truth)
        self._frames.put(truth.message.frame_id, frame, truth.picture.most_bytes)
        return frame
