"""The referee: matches reconstructions to truths by frame id and has them scored; no socket, file or thread."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from keyhole.data.sample import SecretLabels
from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from keyhole.v1.referee_pb2 import Account, ClassPicture, Outcome, Reconstruction, Roster, Score, Truth
from keyhole.wire.errors import WireError
from keyhole.wire.limits import MIB
from keyhole.wire.pictures import entry_name
from monitor import scoring, validation
from monitor.bounded_entries import BoundedEntries
from monitor.class_validation import check_class_picture, check_recall
from monitor.class_wall import ClassKey
from monitor.name_limit import NameLimit
from monitor.scoring import Listener, ScoredReconstruction
from monitor.settings import DEFAULT_LIMITS, Limits
from monitor.validation import CheckedReconstruction, CheckedTruth

_TURNS = 64
_CLASS_PICTURES = 4 * validation.MOST_CLASSES
"""Of all classes, attacks and classifiers of a run."""
_log = logging.getLogger(__name__)


@dataclass
class _Frame:
    """A truth, and the attacks (with their rungs) that have finished with it."""

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
        score_secrets: says what an attack's last picture of a frame gives away of its truth's secrets, from their
            labels and the picture's pixels (RGB, 3×H×W in [0, 1]); no answer to `submit` tells it. Never asked about
            the blind attacker's one picture: what guessing gets is known.
        names: of the attacks that may submit; none: whichever come first, as many as
            `monitor.name_limit.NameLimit` takes.
        metrics: of pictures, PSNR and SSIM among them; None: those two.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        limits: Limits = DEFAULT_LIMITS,
        known: Iterable[Truth] = (),
        clock: Callable[[], float] = time.monotonic,
        score_secrets: Callable[[SecretLabels, Tensor], Recovery | None] | None = None,
        names: Iterable[str] = (),
        metrics: Sequence[Metric] | None = None,
    ) -> None:
        self._score_secrets = score_secrets
        self._listeners = tuple(listeners)
        self._limits = limits
        self._metrics = scoring.scoring_metrics() if metrics is None else tuple(metrics)
        self._clock = clock
        self._lock = threading.Lock()
        self._turns = tuple(threading.RLock() for _ in range(_TURNS))
        self._numbers = itertools.count()
        self._frames: BoundedEntries[str, _Frame] = BoundedEntries(limits.truths, limits.megabytes * MIB)
        self._waiting: BoundedEntries[int, _Waiting] = BoundedEntries(limits.waiting, limits.megabytes * MIB)
        self._concluded: BoundedEntries[str, str] = BoundedEntries(limits.truths, limits.megabytes * MIB)
        self._attacks, self._entries, self._edges = NameLimit(names), NameLimit(), NameLimit()
        self._reasons, self._stages = NameLimit(), NameLimit()
        self._classes = NameLimit(most=_CLASS_PICTURES)
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
            WireError: see `monitor.validation.check_truth`, or what a listener raised.
        """
        checked = validation.check_truth(truth)
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
            waited = [one for one in self._waiting if one.reconstruction.message.frame_id == frame_id]
            for one in waited:
                self._waiting.pop(one.number)
        for one in waited:
            try:
                self._score_waiting(frame, one)
            except WireError as error:
                _log.warning("a reconstruction that waited is not scored", extra={"reason": str(error)})
                self._give_up(one, scoring.UNFIT)

    def conclude(self, outcome: Outcome) -> None:
        """Take what became of a frame; a repeated call changes nothing.

        Raises:
            WireError: see `monitor.validation.check_outcome`, or what a listener raised.
        """
        validation.check_outcome(outcome)
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
            WireError: see `monitor.validation.check_account`, or what a listener raised.
        """
        validation.check_account(account)
        self._edges.check("edge", account.edge)
        for reason in account.dropped:
            self._reasons.check("dropped", reason)
        for listener in self._listeners:
            listener.settled(account)

    def announce(self, roster: Roster) -> None:
        """Take what an adversary says that it runs, in the place of what it said before.

        Raises:
            WireError: see `monitor.validation.check_roster`, or a name that is not expected.
        """
        validation.check_roster(roster)
        if roster.HasField("recall"):
            check_recall(roster.recall)
        for status in roster.attacks:
            self._attacks.check("attacks.attack", status.attack)
            self._entries.check("attacks.rung", entry_name(status))
        for listener in self._listeners:
            listener.announced(roster)

    def recall(self, picture: ClassPicture) -> None:
        """Take what an adversary made of a class. It needs no truth; judges are asked later, and tell it nothing.

        Raises:
            WireError: see `monitor.class_validation.check_class_picture`, one class too many, or what a listener
                raised.
        """
        check_class_picture(picture)
        self._classes.check("label", ClassKey.of(picture).word)
        for listener in self._listeners:
            listener.pictured(picture)

    def submit(self, reconstruction: Reconstruction) -> Score | None:
        """The score of a reconstruction, which whoever made it must not see.

        Returns:
            None while its truth has not come, and for whatever follows an attack's final picture of a frame.

        Raises:
            WireError: see `monitor.validation.check_reconstruction`; the picture is broken or has another size than the
                frame's truth, or than all truths; or what a listener raised.
        """
        checked = validation.check_reconstruction(reconstruction)
        entry = entry_name(reconstruction)
        self._attacks.check("attack", reconstruction.attack)
        self._entries.check("rung", entry)
        with self._lock:
            frame = self._frames.get(reconstruction.frame_id)
            sizes = {one.truth.picture.size for one in ([frame] if frame else self._frames)}
        validation.check_size(checked.picture.size, sizes)
        return self._score(frame, checked) if frame else self._wait(checked)

    def expire(self) -> None:
        """Give up those that have waited too long."""
        now, given_up = self._clock(), []
        with self._lock:
            for one in tuple(self._waiting):
                if one.until <= now:
                    self._waiting.pop(one.number)
                    given_up.append(one)
        for one in given_up:
            self._give_up(one, scoring.NO_TRUTH)

    def close(self) -> None:
        """Give up all that wait."""
        with self._lock:
            given_up = [self._waiting.pop_oldest() for _ in range(len(self._waiting))]
        for one in given_up:
            self._give_up(one, scoring.ENDED)

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
            self._give_up(other, scoring.CROWDED_OUT)
        return self._score_waiting(frame, one) if frame else None

    def _score_waiting(self, frame: _Frame, one: _Waiting) -> Score | None:
        """Score one that waited, or tell that its attack had finished."""
        score = self._score(frame, one.reconstruction, waited=True)
        if score is None:
            self._give_up(one, scoring.REPEATED)
        return score

    def _score(self, frame: _Frame, reconstruction: CheckedReconstruction, *, waited: bool = False) -> Score | None:
        told, truth = reconstruction.message, frame.truth
        entry = entry_name(told)
        if entry in frame.finished:
            return None
        validation.check_size(reconstruction.picture.size, {truth.picture.size})
        pixels = reconstruction.picture.pixels
        score = scoring.score(told, pixels, truth.picture.pixels, self._metrics)
        recovery = None
        if self._score_secrets and told.final and truth.labels and not attacks.is_blind(entry):
            recovery = self._score_secrets(truth.labels, pixels)
        scored = ScoredReconstruction(truth.message, told, score, time.time(), recovery, waited)
        for listener in self._listeners:
            listener.judged(scored)
        if told.final:
            frame.finished.add(entry)
        return score

    def _give_up(self, one: _Waiting, reason: str) -> None:
        """Report that one will not be scored; what cannot be stored is reported when the run is opened again."""
        with contextlib.suppress(WireError):
            for listener in self._listeners:
                listener.unmatched(one.reconstruction.message, reason)

    def _remember(self, truth: CheckedTruth) -> _Frame:
        frame = _Frame(truth)
        self._frames.put(truth.message.frame_id, frame, truth.picture.most_bytes)
        return frame
