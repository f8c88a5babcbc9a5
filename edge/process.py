"""The edge process: source -> head -> defence -> codec -> link -> cloud, and the truth to the monitor."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice

import grpc

from edge.answers import AnswerReader
from edge.preparation import check_cloud, prepare, wait_for_cloud
from edge.reporter import FrameCounts, MonitorClient, NoMonitor, Reporter
from edge.round_trip import BACKLOG, Link, OutgoingFrame, RoundTrip
from edge.settings import EdgeSettings
from keyhole.data import Source
from keyhole.data.sample import Sample
from keyhole.service import lifecycle
from keyhole.service.address import publish
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.frames import pack_frame

DRAIN_SECONDS = 2.5  # for the frames in flight when the edge is told to stop; then they are given up
_log = logging.getLogger(__name__)


def run(settings: EdgeSettings) -> int:
    """Send frames until there are no more, or until told to stop; returns the exit code."""
    return lifecycle.run("edge", partial(edge, settings), settings.log)


def edge(settings: EdgeSettings, stop: Stop) -> None:
    """Take pictures, send their features, report what becomes of them.

    Raises:
        UsageError: a setting is wrong, or the cloud runs another model or cut.
    """
    prepared = prepare(settings)
    device, codec = prepared.device, prepared.codec
    with closing(Metrics("edge")) as metrics, connect(settings.cloud, tls=settings.tls, role="edge") as channel:
        page = metrics.serve(settings.metrics)
        publish(settings.addresses, {"metrics": page})
        _log.info("listening", extra={"metrics": page})

        client = InferenceClient(channel)
        if (met := wait_for_cloud(client, settings.cloud, stop, settings.wait_seconds)) is None:
            return
        check_cloud(met, device, codec, settings.cloud)
        device.warm_up()

        deployment = referee_pb2.Deployment(
            edge=settings.name,
            target=device.target.name,
            cut=device.partition.plan.cut,
            codec=settings.codec,
            defence=device.defence_name,
            link=settings.link,
            slowdown=settings.slowdown,
            cloud=settings.cloud,
            tls=settings.tls is not None,
        )
        given_up = Stop()
        round_trip = RoundTrip(
            client,
            Link(prepared.profile, time.perf_counter, given_up.wait),
            device.outputs,
            settings.deadline,
            given_up,
        )
        slowdown = Slowdown(settings.slowdown, time.perf_counter, stop.wait)
        in_flight = FramesInFlight(settings.in_flight, metrics.queue_depth.labels("in_flight").set)
        counts = FrameCounts(metrics)
        _log.info("sending", extra={field.name: value for field, value in deployment.ListFields()})
        with _monitor_client(settings, counts) as monitor:
            answers = AnswerReader(device.target.labels, tuple(output.name for output in device.outputs))
            reporter = Reporter(counts, monitor, deployment, answers)
            for frame_id, sample in _camera(settings, prepared.source, in_flight, stop):
                if not in_flight.admit():
                    reporter.frame_dropped(frame_id, BACKLOG)
                    continue
                captured = time.perf_counter()
                features = device.features(sample.picture[None])
                computed = slowdown(captured)
                shown = device.protect(features)
                protected = slowdown(computed)
                frame = pack_frame(device.header(frame_id, settings.name), shown, codec)
                outgoing = OutgoingFrame(frame, captured, computed, protected, encoded=slowdown(protected))
                reporter.frame_sent(frame, sample)
                in_flight.launch(partial(_finish, round_trip, outgoing, reporter))
            _land(in_flight, stop, given_up, channel)
        _log.info("finished", extra=counts.summary())


def _camera(
    settings: EdgeSettings, source: Source, in_flight: FramesInFlight, stop: Stop
) -> Iterator[tuple[str, Sample]]:
    """Samples at their pace, each with an id that no other run has, not even one of the same name and second."""
    started = f"{int(time.time()):x}{secrets.token_hex(4)}"
    wait = stop.wait if settings.fps else partial(_wait_for_room, in_flight, stop)
    samples = paced(source, fps=settings.fps, frames=settings.frames, wait=wait)
    for number, sample in enumerate(samples):
        yield f"{settings.name}-{started}-{number:06d}", sample


def _wait_for_room(in_flight: FramesInFlight, stop: Stop, _seconds: float) -> bool:
    """Wait until a frame may leave; True when stopped first."""
    while not stop.is_set():
        if in_flight.room(0.1):
            return False
    return True


def _finish(round_trip: RoundTrip, outgoing: OutgoingFrame, reporter: Reporter) -> None:
    reporter.frame_ended(outgoing.frame, round_trip(outgoing))


def _land(in_flight: FramesInFlight, stop: Stop, given_up: Stop, channel: grpc.Channel) -> None:
    """Wait for the frames in flight; once told to stop, for ``DRAIN_SECONDS`` only."""
    while not stop.is_set() and not in_flight.drain(0.1):
        pass
    if not in_flight.drain(DRAIN_SECONDS):
        given_up.set()
    channel.close()
    in_flight.close()


def _monitor_client(settings: EdgeSettings, counts: FrameCounts) -> MonitorClient | NoMonitor:
    if settings.monitor is None:
        return NoMonitor()
    account = partial(counts.account, settings.name, time.time())
    channel = connect(settings.monitor, tls=settings.tls, role="edge")
    return MonitorClient(channel, lost=counts.undelivered, account=account)


def paced(
    samples: Iterable[Sample],
    *,
    fps: float,
    frames: int,
    wait: Callable[[float], bool],
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Sample]:
    """Yield samples no faster than ``fps``.

    A consumer that was slower than the rate gets no burst afterwards: what it missed is not taken.

    Args:
        samples: where they come from.
        fps: samples per second; 0 sets no pace.
        frames: samples in all; 0 for all there are.
        wait: sleeps that many seconds; True ends the iteration.
        clock: seconds, monotonic.
    """
    period = 1 / fps if fps else 0.0
    due = clock()
    for sample in islice(samples, frames or None):
        if wait(max(0.0, due - clock())):
            return
        yield sample
        due = max(due + period, clock())


class FramesInFlight:
    """At most ``bound`` frames on their way at once, each on a thread of its own.

    Args:
        bound: frames that may be in flight.
        changed: called with the number in flight whenever it changes.
    """

    def __init__(self, bound: int, changed: Callable[[int], object] = lambda _: None) -> None:
        self._bound = bound
        self._changed = changed
        self._free = threading.Condition()
        self._taken = 0
        self._pool = ThreadPoolExecutor(bound, thread_name_prefix="frame")

    def room(self, seconds: float) -> bool:
        """Wait until there is a place, for at most ``seconds``; whether there is one."""
        with self._free:
            return self._free.wait_for(lambda: self._taken < self._bound, timeout=seconds)

    def admit(self) -> bool:
        """Take a place for a frame; False if there is none."""
        with self._free:
            if self._taken >= self._bound:
                return False
            self._taken += 1
            self._changed(self._taken)
            return True

    def launch(self, frame: Callable[[], None]) -> None:
        """Send an admitted frame on its way; its place is free when the call returns."""
        self._pool.submit(frame).add_done_callback(self._land)

    def drain(self, seconds: float) -> bool:
        """Wait for all frames; False if some are still on their way after ``seconds``."""
        with self._free:
            return self._free.wait_for(lambda: self._taken == 0, timeout=seconds)

    def close(self) -> None:
        """Wait for the last frame and end the threads."""
        self._pool.shutdown(wait=True)

    def _land(self, frame: Future[None]) -> None:
        with self._free:
            self._taken -= 1
            self._changed(self._taken)
            self._free.notify_all()
        if error := frame.exception():
            _log.error("a frame failed on its way", exc_info=error)


@dataclass(frozen=True)
class Slowdown:
    """Makes what the edge computes take a multiple of its time.

    Attributes:
        factor: 1 or more.
        clock: seconds, monotonic.
        sleep: waits that many seconds; returns early if the run is stopped.
    """

    factor: float
    clock: Callable[[], float]
    sleep: Callable[[float], object]

    def __call__(self, started: float) -> float:
        """Wait until what began at ``started``, and is done now, has taken ``factor`` times as long; the time then."""
        now = self.clock()
        if self.factor > 1:
            self.sleep((self.factor - 1) * (now - started))
            now = self.clock()
        return now
