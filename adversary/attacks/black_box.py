"""Black box: a network that learned to invert the head from the oracle's answers, and is still learning."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import torch

from adversary.attacks.attack import Estimate, MismatchError, Observation, stacked
from adversary.attacks.learner import Learner, Snapshot
from adversary.attacks.replay import Replay
from adversary.attacks.training import DEFAULT_TRAINING, Training
from adversary.knowledge import BlackBox, OracleAwayError, OracleSpentError
from keyhole.service.lifecycle import Stop

AWAY_SECONDS = 0.5
JOIN_SECONDS = 2.0  # a query under way ends when its channel closes
_log = logging.getLogger(__name__)


class Inverter:
    """Trains on a thread of its own for as long as its context is open, and answers with the newest weights published.

    Frames are inverted in one forward pass. Those that come before the first weights wait for them.

    Args:
        known: oracle and public pictures; nothing of the head.
        training: the hyper-parameters.
        seed: of the network.
        steps: of training; None: it goes on until the context closes.
        stepped: called after each training step, on the training thread.
        threads: of one tensor operation while training.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        known: BlackBox,
        training: Training = DEFAULT_TRAINING,
        seed: int = 0,
        steps: int | None = None,
        stepped: Callable[[], object] = lambda: None,
        threads: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._known = known
        self._training = training
        self._seed = seed
        self._steps = steps
        self._stepped = stepped
        self._threads = threads
        self._clock = clock
        self._replay = Replay(training.megabytes)
        self._learner: Learner | None = None
        self._spent = self._away = False
        self._stop = Stop()
        self._published = threading.Event()
        self._snapshot: Snapshot | None = None
        self._thread = threading.Thread(target=self._work, name="inverter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._published.set()
        self._thread.join(JOIN_SECONDS)

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """One estimate, by the newest weights; none if the context closes before there are any.

        Raises:
            MismatchError: the frames' shapes are not those of the oracle's answers.
        """
        started = self._clock()
        self._published.wait()
        snapshot = self._snapshot
        if snapshot is None:
            return
        try:
            with torch.inference_mode():
                pictures = snapshot.network(*stacked(frames)).clamp(0, 1)
        except ValueError as error:
            raise MismatchError(f"the oracle's answers are not like the frames: {error}") from error
        yield Estimate(pictures, snapshot.step, self._clock() - started, snapshot.loss, final=True)

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        try:
            self.train(self._steps)
        except Exception:
            _log.exception("training ended early; the newest weights stay in use")

    def train(self, steps: int | None = None) -> None:
        """Train for so many steps, or until the context closes; on the caller's thread."""
        training = self._training
        while not self._stop.is_set() and self._learner is None:
            self._begin()
        for step in itertools.count(1):
            if self._stop.is_set() or self._learner is None or (steps is not None and step > steps):
                return
            if step % training.every == 0:
                self._ask(training.query)
            self._learner.step()
            if step % training.publish == 0 or step == steps:
                self._publish(self._learner)
            self._stepped()

    def _begin(self) -> None:
        """Collect the first answers, fit, publish."""
        training = self._training
        while len(self._replay) < training.first and not self._spent and not self._stop.is_set():
            self._ask(min(16, training.first))
        if len(self._replay):
            self._learner = Learner(self._replay, self._known.size, training, self._seed)
            self._publish(self._learner)
        elif self._spent:
            _log.warning("no answer from the oracle: the black-box attack has nothing to learn from")
            self._stop.wait()

    def _publish(self, learner: Learner) -> None:
        self._snapshot = learner.snapshot()
        self._published.set()

    def _ask(self, count: int) -> None:
        """Put one more query's answers into the replay, if the oracle gives any."""
        if self._spent:
            return
        pictures = torch.stack([next(self._known.public) for _ in range(count)])
        try:
            self._replay.add(pictures, self._known.oracle.query(pictures))
            self._note(away=False)
        except ValueError as error:
            self._note(away=True, reason=str(error))
        except OracleSpentError as error:
            self._spent = True
            _log.warning("the oracle answers no more; going on with what it said", extra={"reason": str(error)})
        except OracleAwayError as error:
            self._note(away=True, reason=str(error))
            if self._learner is None:
                self._stop.wait(AWAY_SECONDS)

    def _note(self, *, away: bool, reason: str = "") -> None:
        if away != self._away:
            self._away = away
            _log.warning("the oracle is away", extra={"reason": reason}) if away else _log.info("the oracle is back")
