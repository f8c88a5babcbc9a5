"""Reports of what becomes of every picture: counts, metrics, and messages to the monitor.

The edge never waits for the monitor. Messages go in order, from a bounded queue, on a thread of their own. While the
monitor is away they are kept and sent again; when the queue is full the oldest go, and are counted. The edge's account
goes now and then, and at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial

import grpc
import prometheus_client

from edge.answers import AnswerReader
from edge.round_trip import BACKLOG, FrameResult
from keyhole.data import Sample
from keyhole.service.logs import AbsenceLog
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2, referee_pb2_grpc
from keyhole.wire.errors import AWAY, explain
from keyhole.wire.frames import PackedFrame
from keyhole.wire.pictures import pack_picture
from keyhole.wire.secrets import pack_secrets

Message = referee_pb2.Truth | referee_pb2.Outcome
CAPACITY = 128
CALL_SECONDS, PAUSE_SECONDS, CLOSE_SECONDS, ACCOUNT_SECONDS = 2.0, 0.25, 1.0, 5.0
_log = logging.getLogger(__name__)


class FrameCounts:
    """Frames by outcome. Safe to use from several threads.

    Args:
        metrics: where the counts and the stages go as well.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._sent = 0
        self._answered = 0
        self._dropped: Counter[str] = Counter()
        self._undelivered = 0
        self._undelivered_total = prometheus_client.Counter(
            "keyhole_undelivered_total", "Messages that the monitor did not get.", registry=metrics.registry
        )

    def sent(self) -> None:
        """A frame leaves."""
        with self._lock:
            self._sent += 1
        self._metrics.frames.labels("sent").inc()

    def answered(self, stages: Mapping[str, float]) -> None:
        """A frame was answered; seconds by stage."""
        with self._lock:
            self._answered += 1
        self._metrics.frames.labels("answered").inc()
        for stage, seconds in stages.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)

    def dropped(self, reason: str) -> None:
        """A frame was dropped, before or after it left."""
        with self._lock:
            self._dropped[reason] += 1
        self._metrics.frames.labels("dropped").inc()
        self._metrics.dropped.labels(reason).inc()

    def undelivered(self) -> None:
        """The monitor did not get a message."""
        with self._lock:
            self._undelivered += 1
        self._undelivered_total.inc()

    def account(self, edge: str, started_at: float) -> referee_pb2.Account:
        """The counts of an edge that started at that Unix time, for the monitor."""
        with self._lock:
            return referee_pb2.Account(
                edge=edge,
                started_at=started_at,
                taken=self._sent + self._dropped[BACKLOG],
                answered=self._answered,
                dropped=self._dropped,
                undelivered=self._undelivered,
            )

    def summary(self) -> dict[str, int]:
        """Counts by name: ``taken`` (pictures) is ``answered`` plus all ``dropped_…`` once nothing is in flight."""
        with self._lock:
            dropped = {f"dropped_{reason}": count for reason, count in sorted(self._dropped.items())}
            taken = self._answered + self._dropped.total()
            return {
                "taken": taken,
                "sent": self._sent,
                "answered": self._answered,
                **dropped,
                "undelivered": self._undelivered,
            }


class NoMonitor:
    """A client without a monitor, which sends nothing."""

    def tell(self, _make: Callable[[], Message]) -> None:
        """Do nothing."""

    def __enter__(self) -> NoMonitor:
        return self

    def __exit__(self, *_: object) -> None:
        return


class MonitorClient:
    """A queue of messages to the monitor. A context manager: leaving it sends what waits, for a second at most.

    Args:
        channel: to the monitor's truth port; closed with the client.
        lost: called for each message that will not be delivered.
        account: what the edge counts.
        capacity: messages kept while the monitor is away.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        lost: Callable[[], object] = lambda: None,
        account: Callable[[], referee_pb2.Account] = referee_pb2.Account,
        capacity: int = CAPACITY,
    ) -> None:
        stub = referee_pb2_grpc.RefereeStub(channel)
        self._account = account
        self._settle_call = stub.Settle
        self._due = time.monotonic() + ACCOUNT_SECONDS
        self._channel = channel
        self._calls: dict[type, Callable[..., referee_pb2.Ack]] = {
            referee_pb2.Truth: stub.Witness,
            referee_pb2.Outcome: stub.Conclude,
        }
        self._lost = lost
        self._capacity = capacity
        self._waiting: deque[Callable[[], Message]] = deque()
        self._ending = False
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._absence = AbsenceLog(_log, "the monitor is away; going on without it", "the monitor is back")
        self._thread = threading.Thread(target=self._work, name="monitor-client", daemon=True)

    def __enter__(self) -> MonitorClient:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        self._closed.set()
        self._channel.close()
        self._thread.join()
        for _ in self._waiting:
            self._lost()

    def tell(self, make: Callable[[], Message]) -> None:
        """Queue a message; ``make`` builds it on the client's thread."""
        with self._changed:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._lost()
            self._waiting.append(make)
            self._changed.notify_all()

    def _work(self) -> None:
        while make := self._next():
            try:
                delivered = self._deliver(make())
            except Exception:
                _log.exception("a message to the monitor could not be made")
                delivered = False
            if not delivered:
                self._lost()
            if time.monotonic() >= self._due:
                self._settle()
        if not self._closed.is_set():
            self._settle()

    def _next(self) -> Callable[[], Message] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            return self._waiting.popleft() if self._waiting and not self._closed.is_set() else None

    def _settle(self) -> None:
        """Send the account once; where it does not arrive, the next one says as much."""
        self._due = time.monotonic() + ACCOUNT_SECONDS
        try:
            self._settle_call(self._account(), timeout=CALL_SECONDS)
        except ValueError:  # how gRPC says that the channel was closed
            return
        except grpc.RpcError as error:
            if error.code() not in AWAY and not self._closed.is_set():
                _log.warning("the monitor refused the account", extra={"reason": explain(error)})

    def _deliver(self, message: Message) -> bool:
        """Send until it arrives or is refused, or until the client closes."""
        while not self._closed.is_set():
            started = time.monotonic()
            try:
                self._calls[type(message)](message, timeout=CALL_SECONDS)
            except ValueError:  # how gRPC says that the channel was closed
                return False
            except grpc.RpcError as error:
                if self._closed.is_set():
                    return False
                if error.code() not in AWAY:
                    _log.warning("the monitor refused a message", extra={"reason": explain(error)})
                    return False
                self._absence.note(away=True)
                self._closed.wait(max(0.0, PAUSE_SECONDS - (time.monotonic() - started)))
            else:
                self._absence.note(away=False)
                return True
        return False


class Reporter:
    """Told of each frame as it leaves and as it ends.

    Args:
        counts: counts.
        monitor: told of every frame.
        deployment: what runs where, part of every truth.
        answers: reads what the cloud answers.
    """

    def __init__(
        self,
        counts: FrameCounts,
        monitor: MonitorClient | NoMonitor,
        deployment: referee_pb2.Deployment,
        answers: AnswerReader,
    ) -> None:
        self._counts = counts
        self._monitor = monitor
        self._deployment = deployment
        self._answers = answers
        self._refusal = ""

    def frame_sent(self, frame: PackedFrame, sample: Sample) -> None:
        """A frame is about to leave; its truth goes to the monitor."""
        self._counts.sent()
        self._monitor.tell(partial(self._truth, frame.header.frame_id, sample, time.time()))

    def frame_ended(self, frame: PackedFrame, result: FrameResult) -> None:
        """A frame that left was answered or dropped."""
        if result.dropped:
            self.frame_dropped(frame.header.frame_id, result.dropped, result.detail)
            return
        self._counts.answered(result.stages)
        outcome = referee_pb2.Outcome(
            frame_id=frame.header.frame_id,
            stages=result.stages,
            prediction=self._answers.prediction(result.outputs),
            detections=self._answers.detections(result.outputs),
            payload_bytes=frame.payload_bytes,
            edge=self._deployment.edge,
        )
        self._monitor.tell(lambda: outcome)

    def frame_dropped(self, frame_id: str, reason: str, detail: str = "") -> None:
        """A frame was dropped, before or after it left."""
        self._counts.dropped(reason)
        if detail and detail != self._refusal:
            self._refusal = detail
            _log.warning("frame %s", reason, extra={"frame": frame_id, "reason": detail})
        outcome = referee_pb2.Outcome(frame_id=frame_id, dropped=reason, edge=self._deployment.edge)
        self._monitor.tell(lambda: outcome)

    def _truth(self, frame_id: str, sample: Sample, captured_at: float) -> referee_pb2.Truth:
        return referee_pb2.Truth(
            frame_id=frame_id,
            picture=pack_picture(sample.picture),
            label=sample.label or "",
            deployment=self._deployment,
            captured_at=captured_at,
            secrets=pack_secrets(sample.secrets) if sample.secrets else None,
        )
