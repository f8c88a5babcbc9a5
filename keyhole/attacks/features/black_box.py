"""The black-box attack: a network learns from an oracle's answers to invert the head, and answers while it learns."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from keyhole.attacks.base import BlackBox, Estimate, Observation
from keyhole.attacks.features.learner import Learner, TrainedNetwork
from keyhole.attacks.features.questions import Questions
from keyhole.attacks.features.several_texts import KeptByOracle
from keyhole.attacks.features.training import DEFAULT_TRAINING, InversionTraining
from keyhole.attacks.preparation import Preparation
from keyhole.generators.base import Generator, with_latents
from keyhole.generators.pixels import Pixels
from keyhole.nn.payload import Shape
from keyhole.service.lifecycle import Stop

AWAY_SECONDS = 0.5
AHEAD = 128
"""Pictures at most that are drawn before there is an oracle to ask."""
_QUERY = 16  # pictures of one, before the first step
JOIN_SECONDS = 2.0  # a query under way ends when its channel closes
_log = logging.getLogger(__name__)


class BlackBoxAttack:
    """Trains on a thread of its own for as long as its context is open, and answers with the newest weights published.

    Frames are inverted in one forward pass of the network and one call of the generator. Those that come before the
    first weights wait for them. With a network that was trained before it learns nothing and asks nobody.

    Args:
        known: oracle, public pictures, prior; nothing of the head.
        training: the hyper-parameters.
        generator: D of Eq. 11; None: the network makes pictures itself.
        seed: of the network.
        steps: of training; None: the training's own end, or it goes on until the context closes.
        stepped: called after each training step, on the training thread.
        noted: called with the loss of each.
        threads: of one tensor operation while training.
        clock: seconds, monotonic.
        grouped: the frames as the network takes them: each by itself, or those of a clip together.
        trained: a network that was trained before; None: none was.
        described: queries with a text on each; None: the public pictures, on which none is said.
        made: makes pictures of variables and chooses each one's text; None: the generator makes them.
    """

    def __init__(
        self,
        known: BlackBox,
        training: InversionTraining = DEFAULT_TRAINING,
        generator: Generator | None = None,
        seed: int = 0,
        steps: int | None = None,
        stepped: Callable[[], object] = lambda: None,
        noted: Callable[[float], object] = lambda _: None,
        threads: int = 1,
        clock: Callable[[], float] = time.perf_counter,
        grouped: Callable[[Sequence[Observation]], Sequence[Observation]] = list,
        trained: TrainedNetwork | None = None,
        described: Iterator[tuple[Tensor, str]] | None = None,
        made: KeptByOracle | None = None,
    ) -> None:
        self._known = known
        self._training = training
        self._seed = seed
        self._steps = training.steps if steps is None else steps
        self._stepped = stepped
        self._noted = noted
        self._threads = threads
        self._clock = clock
        self._grouped, self._made = grouped, made
        self._generator = generator or Pixels(known.size)
        self._target_loss = training.loss(self._generator)
        self._questions = Questions(known, self._target_loss, training.megabytes, training.limit, described)
        self._learner: Learner | None = None
        self._failure: Exception | None = None
        self._stop = Stop()
        self._published = threading.Event()
        self._snapshot = trained
        if trained is not None:
            self._published.set()
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
        snapshot = self._newest()
        if snapshot is None:
            return
        with torch.inference_mode():
            variable = snapshot.variable(self._grouped(frames), self._known.device)
            pictures, texts = self._made(variable, frames) if self._made else (self._generator(variable), ())
        seconds = self._clock() - started
        yield Estimate(
            pictures.clamp(0, 1).cpu(),
            snapshot.step,
            seconds,
            snapshot.loss,
            final=True,
            passes=self.passes,
            queries=snapshot.queries,
            trained_before=snapshot.before,
            texts=texts,
        )

    @property
    def passes(self) -> int:
        """U-Net passes for each frame."""
        return self._generator.passes

    def latents(self, frames: Sequence[Observation]) -> Tensor | None:
        """The generator's latents for the frames, by the newest weights; None if the context closes before any.

        Raises:
            MismatchError: the frames' shapes are not those of the oracle's answers.
            TypeError: the generator has no latents.
        """
        generator, snapshot = with_latents(self._generator), self._newest()
        if snapshot is None:
            return None
        with torch.inference_mode():
            return generator.latents(snapshot.variable(frames, self._known.device))

    def _newest(self) -> TrainedNetwork | None:
        self._published.wait()
        return self._snapshot

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        try:
            self.train(self._steps)
        except Exception as error:
            self._failure = error
            _log.exception("training ended early; the newest weights stay in use")

    def wait(self) -> None:
        """Return when the training on the other thread has ended; raise what it failed with, if it did."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def prepare(self) -> Preparation | None:
        """`wait`, and say what it took."""
        self.wait()
        return self.spent

    @property
    def spent(self) -> Preparation | None:
        """What the training has taken so far; None: nothing is trained here."""
        found = self._snapshot
        return None if found is None or found.before else Preparation(found.step, found.queries)

    def train(self, steps: int | None = None) -> None:
        """Train for so many more steps, or until the context closes; on the caller's thread.

        Trainings in turn are as one: 100 steps and 200 more make the network of 300.
        """
        if self._snapshot is not None and self._snapshot.before:
            return
        self._begin()
        begun = self._learner.steps if self._learner else 0
        last = None if steps is None else begun + steps
        for step in itertools.count(begun + 1):
            if self._stop.is_set() or self._learner is None or (last is not None and step > last):
                return
            self._ask_before(step)
            self._noted(self._learner.step())
            if step % self._training.publish == 0 or step == last:
                self._publish(self._learner)
            self._stepped()

    @property
    def trained(self) -> TrainedNetwork:
        """The newest network.

        Raises:
            RuntimeError: there is none yet.
        """
        if self._snapshot is None:
            raise RuntimeError("nothing was learned yet")
        return self._snapshot

    @property
    def variable(self) -> Shape:
        """Shape of what the network makes for one picture."""
        return tuple(self._generator.start(1, torch.Generator()).shape[1:])

    def state_dict(self) -> dict[str, Any]:
        """What the training has come to, for `load_state_dict`; empty before its first step."""
        return self._learner.state_dict() if self._learner else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a training of the same settings, public pictures and oracle: what it asked is asked again."""
        self._begin()
        if state and self._learner:
            for step in range(1, state["steps"] + 1):
                self._ask_before(step)
                self._learner.skip()
            self._learner.load_state_dict(state)
            self._publish(self._learner)

    def _ask_before(self, step: int) -> None:
        if self._training.epochs is None and step % self._training.every == 0:
            self._questions.ask(self._training.query)

    def _begin(self) -> None:
        """Collect the first answers, fit, publish; nothing where that is done.

        The pictures are drawn first: it takes long, and there may be no oracle yet.
        """
        training, questions = self._training, self._questions
        ahead = min(training.first, AHEAD)
        for done in range(0, ahead if self._learner is None else 0, _QUERY):
            if not self._stop.is_set():
                questions.draw(min(_QUERY, ahead - done))
        while self._learner is None and not self._stop.is_set():
            while questions.asked < training.first and not questions.spent and not self._stop.is_set():
                if not questions.ask(min(_QUERY, training.first - questions.asked)):
                    self._stop.wait(AWAY_SECONDS)
            if len(questions.replay):
                own = self.variable, self._target_loss, training, self._seed, self._known.device
                self._learner = Learner(questions.replay, *own)
                self._publish(self._learner)
            elif questions.spent:
                _log.warning("no answer from the oracle: the black-box attack has nothing to learn from")
                self._stop.wait()

    def _publish(self, learner: Learner) -> None:
        self._snapshot = replace(learner.snapshot(), queries=self._questions.asked)
        self._published.set()
