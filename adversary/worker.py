"""Workers: one attack each, frames from its backlog, pictures to the referee."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adversary.frame_queue import Backlog, SharedFrame
from keyhole.attacks.base import Estimate, Knowledge, MismatchError, Observation
from keyhole.attacks.entry import Rung
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.pictures import entry_name, pack_picture

Submit = Callable[[referee_pb2.Reconstruction], object]
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
        shared_frame: the frame that others attack too. A rung that takes one frame at a time takes this one; one that
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
        shared_frame: SharedFrame | None = None,
    ) -> None:
        self._origin = origin
        self._rung = rung
        self._submit = submit
        self._metrics = metrics
        self._stop = stop
        self._threads = threads
        self._shared_frame = shared_frame
        self._done: deque[str] = deque(maxlen=_REMEMBERED)
        self._packed: tuple[Tensor, Picture] | None = None
        self._faults: set[tuple[str, str, int | None]] = set()
        room = backlog if rung.waiting is None else rung.waiting
        self._backlog: Backlog[Observation] = Backlog(room, metrics.dropped.labels("backlog").inc)
        metrics.queue_depth.labels(origin.name).set_function(lambda: len(self._backlog))
        self._thread = threading.Thread(target=self._work, name=origin.name, daemon=True)
        self._thread.start()

    def offer(self, frame: Observation) -> None:
        """Queue a frame; never waits."""
        self._backlog.put(frame)

    def close(self, timeout: float) -> None:
        """Begin no other frame, and wait for the one under way; ``timeout`` in seconds."""
        self._backlog.close()
        self._thread.join(timeout)

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while frames := self._next():
            self._attempt(frames)

    def _next(self) -> Sequence[Observation]:
        """Wait for a frame, and return the frames to attack; none once closed."""
        while frames := self._backlog.take(self._rung.together):
            if self._shared_frame is None:
                return frames
            if self._rung.together > 1:
                return self._with_shared(self._shared_frame, frames)
            (fresh,) = frames
            if fresh.frame_id in self._done:
                continue
            frame = self._shared_frame.settle(fresh, self._done)
            if frame is not fresh:
                self._backlog.put_back(fresh)
            self._done.append(frame.frame_id)
            return [frame]
        return []

    def _with_shared(self, shared: SharedFrame, frames: Sequence[Observation]) -> Sequence[Observation]:
        """The frames, and the common one where it was never among them."""
        self._done.extend(frame.frame_id for frame in frames)
        common = shared.frame
        if common is None or common.frame_id in self._done:
            return frames
        self._done.append(common.frame_id)
        return [*frames, common]

    def _attempt(self, frames: Sequence[Observation]) -> None:
        try:
            self._reconstruct(frames)
        except MismatchError as error:
            if len(frames) == 1:
                self._skip(frames[0], "mismatch", error)
            else:  # only by itself does each show whether it is the one
                for frame in frames:
                    self._attempt([frame])
        except Exception as error:
            for frame in frames:
                self._skip(frame, "failed", error)

    def _reconstruct(self, frames: Sequence[Observation]) -> None:
        for estimate in self._rung.attack.reconstruct(frames):
            final = estimate.final or self._stop.is_set()
            for frame, picture in zip(frames, estimate.pictures, strict=True):
                self._submit(self._message(frame, picture, estimate, final))
                if final and self._origin.knowledge != "blind":
                    self._conclude(frame, estimate)
            if final:
                return

    def _message(
        self, frame: Observation, picture: Tensor, estimate: Estimate, final: bool
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

    def _skip(self, frame: Observation, reason: str, error: Exception) -> None:
        self._metrics.dropped.labels(reason).inc()
        _log.warning(
            "frame skipped",
            extra={"attack": self._origin.name, "frame": frame.frame_id, "reason": f"{reason}: {error}"},
            exc_info=_log.isEnabledFor(logging.DEBUG) or self._is_new(error),
        )

    def _is_new(self, error: Exception) -> bool:
        """Whether this is the first failure at its line; only that one is logged with a traceback."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        fault = type(error).__name__, last.filename, last.lineno
        known = isinstance(error, MismatchError) or fault in self._faults
        self._faults.add(fault)
        return not known
