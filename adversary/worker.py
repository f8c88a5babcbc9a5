"""One attack at work: frames from its backlog, pictures to the referee."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch

from adversary.attacks.attack import Attack, Estimate, Knowledge, MismatchError, Observation
from adversary.backlog import Backlog
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2
from keyhole.wire.pictures import pack_picture

Submit = Callable[[referee_pb2.Reconstruction], referee_pb2.Score | None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signature:
    """What every reconstruction of a worker says of its origin."""

    attack: str
    knowledge: Knowledge
    tap: str
    seed: int


class Worker:
    """Runs an attack on a thread of its own, newest frame first.

    Args:
        signature: name and origin.
        attack: open, and used by this worker alone.
        submit: hands a reconstruction over and returns its score, if there is one.
        metrics: drops and scores are counted here.
        stop: the running attack hands in what it has, and no other frame is begun.
        backlog: frames that may wait.
        threads: of one tensor operation.
    """

    def __init__(
        self,
        signature: Signature,
        attack: Attack,
        submit: Submit,
        metrics: Metrics,
        stop: Stop,
        backlog: int = 4,
        threads: int = 1,
    ) -> None:
        self._signature = signature
        self._attack = attack
        self._submit = submit
        self._metrics = metrics
        self._stop = stop
        self._threads = threads
        self._backlog: Backlog[Observation] = Backlog(backlog, metrics.dropped.labels("backlog").inc)
        metrics.queue_depth.labels(signature.attack).set_function(lambda: len(self._backlog))
        self._thread = threading.Thread(target=self._work, name=signature.attack, daemon=True)
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
        while (frame := self._backlog.take()) is not None:
            try:
                self._reconstruct(frame)
            except MismatchError as error:
                self._skip(frame, "mismatch", error)
            except Exception as error:
                self._skip(frame, "failed", error)

    def _reconstruct(self, frame: Observation) -> None:
        for estimate in self._attack.reconstruct([frame]):
            final = estimate.final or self._stop.is_set()
            score = self._submit(self._message(frame, estimate, final))
            if final:
                self._conclude(frame, estimate, score)
                return

    def _message(self, frame: Observation, estimate: Estimate, final: bool) -> referee_pb2.Reconstruction:
        return referee_pb2.Reconstruction(
            frame_id=frame.frame_id,
            attack=self._signature.attack,
            knowledge=self._signature.knowledge,
            tap=self._signature.tap,
            picture=pack_picture(estimate.pictures[0]),
            iteration=estimate.iteration,
            seconds=estimate.seconds,
            final=final,
            backlog=len(self._backlog),
            dropped=self._backlog.dropped,
            seed=self._signature.seed,
        )

    def _conclude(self, frame: Observation, estimate: Estimate, score: referee_pb2.Score | None) -> None:
        attack = self._signature.attack
        self._metrics.frames.labels("reconstructed").inc()
        facts: dict[str, object] = {
            "attack": attack,
            "frame": frame.frame_id,
            "iteration": estimate.iteration,
            "seconds": round(estimate.seconds, 2),
        }
        if estimate.passes:
            facts["unet_passes"] = estimate.passes
        if score is not None and score.matched:
            self._metrics.psnr.labels(attack).observe(score.psnr)
            self._metrics.ssim.labels(attack).observe(score.ssim)
            facts |= {"psnr": round(score.psnr, 2), "ssim": round(score.ssim, 3)}
        _log.info("reconstructed", extra=facts)

    def _skip(self, frame: Observation, reason: str, error: Exception) -> None:
        self._metrics.dropped.labels(reason).inc()
        _log.warning(
            "frame skipped",
            extra={"attack": self._signature.attack, "frame": frame.frame_id, "reason": f"{reason}: {error}"},
            exc_info=_log.isEnabledFor(logging.DEBUG),
        )
