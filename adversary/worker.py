"""Workers: one attack each, frames or clips from its backlog, pictures to the referee."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adversary.frame_queue import Backlog, Frames, SharedFrames
from keyhole.attacks.base import Estimate, Knowledge, MismatchError, Observation
from keyhole.attacks.entry import Rung
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.pictures import entry_name, pack_picture

Submit = Callable[[referee_pb2.Reconstruction], object]
LONGEST_TEXT = 128
"""Characters of a text that the monitor is told."""
_REMEMBERED = 256  # frames, more than ever wait
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """The origin that every reconstruction of a worker names."""

    attack: str
    recipe: str
    rung: str
    knowledge: Knowledge
    tap: str
    seed: int

    @property
    def name(self) -> str:
        """The name of the attack, with its rung where it is one of a ladder."""
        return entry_name(self)


class Worker:
    """Runs one attack on a thread of its own, newest frame first.

    Args:
        origin: named in every reconstruction.
        rung: the attack, open, and used by this worker alone.
        submit: hands a reconstruction over.
        metrics: drops are counted here.
        stop: the running attack hands in what it has, and no other frame is begun.
        backlog: frames that may wait, unless the rung says so.
        threads: of one tensor operation.
        shared: the frame, or clip, that others attack too. A rung that takes one at a time takes this one; one that
            takes several takes it along with the newest. None: its own choice alone.
    """

    def __init__(
        self,
        origin: Origin,
        rung: Rung,
        submit: Submit,
        metrics: Metrics,
        stop: Stop,
        backlog: int = 4,
        threads: int = 1,
        shared: SharedFrames | None = None,
    ) -> None:
        self._origin = origin
        self._rung = rung
        self._submit = submit
        self._metrics = metrics
        self._stop = stop
        self._threads = threads
        self._shared = shared
        self._done: deque[str] = deque(maxlen=_REMEMBERED)
        self._packed: tuple[Tensor, Picture] | None = None
        self._faults: set[tuple[str, str, int | None]] = set()
        room = backlog if rung.waiting is None else rung.waiting
        self._backlog: Backlog[Frames] = Backlog(room, metrics.dropped.labels("backlog").inc)
        metrics.queue_depth.labels(origin.name).set_function(lambda: len(self._backlog))
        self._thread = threading.Thread(target=self._work, name=origin.name, daemon=True)
        self._thread.start()

    def offer(self, *frames: Observation) -> None:
        """Queue a frame, or those of a clip; never waits."""
        self._backlog.put(frames)

    def close(self, timeout: float) -> None:
        """Begin no other frame, and wait for the one under way; ``timeout`` in seconds."""
        self._backlog.close()
        self._thread.join(timeout)

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while taken := self._next():
            self._attempt(taken)

    def _next(self) -> Sequence[Frames]:
        """Wait for a frame or clip, and return those to attack; none once closed."""
        while taken := self._backlog.take(self._rung.together):
            if self._shared is None:
                return taken
            if self._rung.together > 1:
                return self._with_shared(self._shared, taken)
            (fresh,) = taken
            if _key(fresh) in self._done:
                continue
            frames = self._shared.settle(fresh, self._done)
            if frames is not fresh:
                self._backlog.put_back(fresh)
            self._done.append(_key(frames))
            return [frames]
        return []

    def _with_shared(self, shared: SharedFrames, taken: Sequence[Frames]) -> Sequence[Frames]:
        """What was taken, and what is common where that was never among it."""
        self._done.extend(map(_key, taken))
        common = shared.common
        if common is None or _key(common) in self._done:
            return taken
        self._done.append(_key(common))
        return [*taken, common]

    def _attempt(self, taken: Sequence[Frames]) -> None:
        try:
            self._reconstruct(taken)
        except MismatchError as error:
            if len(taken) == 1:
                self._skip(taken[0], "mismatch", error)
            else:  # only by itself does each show whether it is the one
                for frames in taken:
                    self._attempt([frames])
        except Exception as error:
            for frames in taken:
                self._skip(frames, "failed", error)

    def _reconstruct(self, taken: Sequence[Frames]) -> None:
        together = [(frame, frames) for frames in taken for frame in frames]
        for estimate in self._rung.attack.reconstruct([frame for frame, _ in together]):
            final = estimate.final or self._stop.is_set()
            texts = estimate.texts or ("",) * len(together)
            for (frame, frames), picture, text in zip(together, estimate.pictures, texts, strict=True):
                clip = [each.frame_id for each in frames] if len(frames) > 1 else []
                self._submit(self._message(frame, clip, picture, text, estimate, final))
                if final and self._origin.knowledge != "blind":
                    self._conclude(frame, estimate)
            if final:
                return

    def _message(
        self, frame: Observation, clip: Sequence[str], picture: Tensor, text: str, estimate: Estimate, final: bool
    ) -> referee_pb2.Reconstruction:
        return referee_pb2.Reconstruction(
            frame_id=frame.frame_id,
            attack=self._origin.attack,
            recipe=self._origin.recipe,
            rung=self._origin.rung,
            knowledge=self._origin.knowledge,
            tap=self._origin.tap,
            picture=self._pack(picture),
            iteration=estimate.iteration,
            seconds=estimate.seconds,
            final=final,
            backlog=len(self._backlog),
            dropped=self._backlog.dropped,
            seed=self._origin.seed,
            clip=clip,
            text=text[:LONGEST_TEXT],
            queries=estimate.queries,
            trained_before=estimate.trained_before,
        )

    def _pack(self, picture: Tensor) -> Picture:
        """The picture as PNG, which an attack that shows the same one again has already."""
        if self._packed is None or not torch.equal(self._packed[0], picture):
            self._packed = picture, pack_picture(picture)
        return self._packed[1]

    def _conclude(self, frame: Observation, estimate: Estimate) -> None:
        self._metrics.frames.labels("reconstructed").inc()
        facts: dict[str, object] = {
            "attack": self._origin.name,
            "frame": frame.frame_id,
            "iteration": estimate.iteration,
            "seconds": round(estimate.seconds, 2),
        }
        if estimate.passes:
            facts["unet_passes"] = estimate.passes
        _log.info("reconstructed", extra=facts)

    def _skip(self, frames: Frames, reason: str, error: Exception) -> None:
        self._metrics.dropped.labels(reason).inc(len(frames))
        _log.warning(
            "frame skipped",
            extra={"attack": self._origin.name, "frame": _key(frames), "reason": f"{reason}: {error}"},
            exc_info=_log.isEnabledFor(logging.DEBUG) or self._is_new(error),
        )

    def _is_new(self, error: Exception) -> bool:
        """Whether this is the first failure at its line; only that one is logged with a traceback."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        fault = type(error).__name__, last.filename, last.lineno
        known = isinstance(error, MismatchError) or fault in self._faults
        self._faults.add(fault)
        return not known


def _key(frames: Frames) -> str:
    """By which a frame or clip is known: the id of its first frame."""
    return frames[0].frame_id
