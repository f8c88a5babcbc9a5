"""The edge process: source -> head -> defence -> codec -> link -> cloud, and the truth to the monitor."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import grpc

from edge.camera import paced
from edge.flight import Flights
from edge.journey import BACKLOG, Departure, Journey
from edge.link import Link
from edge.meet import check_cloud, wait_for_cloud
from edge.preparation import prepare
from edge.reporter import Reporter
from edge.settings import EdgeSettings
from edge.slowdown import Slowdown
from edge.tally import Tally
from edge.witness import Unwatched, Witness
from keyhole.data import Sample, Source
from keyhole.service import lifecycle
from keyhole.service.address import publish
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2
from keyhole.wire.client import InferenceClient, connect
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
        journey = Journey(
            client,
            Link(prepared.profile, time.perf_counter, given_up.wait),
            device.outputs,
            settings.deadline,
            given_up,
        )
        slowdown = Slowdown(settings.slowdown, time.perf_counter, stop.wait)
        flights = Flights(settings.in_flight, metrics.queue_depth.labels("in_flight").set)
        tally = Tally(metrics)
        _log.info("sending", extra={field.name: value for field, value in deployment.ListFields()})
        with _witness(settings, tally) as witness:
            reporter = Reporter(tally, witness, deployment, device.target.labels)
            for frame_id, sample in _camera(settings, prepared.source, flights, stop):
                if not flights.admit():
                    reporter.drops(frame_id, BACKLOG)
                    continue
                captured = time.perf_counter()
                features = device.features(sample.picture[None])
                computed = slowdown(captured)
                shown = device.protect(features)
                protected = slowdown(computed)
                frame = pack_frame(device.header(frame_id, settings.name), shown, codec)
                departure = Departure(frame, captured, computed, protected, encoded=slowdown(protected))
                reporter.leaves(frame, sample)
                flights.launch(partial(_travel, journey, departure, reporter))
            _land(flights, stop, given_up, channel)
        _log.info("finished", extra=tally.summary())


def _camera(settings: EdgeSettings, source: Source, flights: Flights, stop: Stop) -> Iterator[tuple[str, Sample]]:
    """Samples at their pace, each with an id that no other run has, not even one of the same name and second."""
    started = f"{int(time.time()):x}{secrets.token_hex(4)}"
    wait = stop.wait if settings.fps else partial(_wait_for_room, flights, stop)
    samples = paced(source, fps=settings.fps, frames=settings.frames, wait=wait)
    for number, sample in enumerate(samples):
        yield f"{settings.name}-{started}-{number:06d}", sample


def _wait_for_room(flights: Flights, stop: Stop, _seconds: float) -> bool:
    """Wait until a frame may leave; True when stopped first."""
    while not stop.is_set():
        if flights.room(0.1):
            return False
    return True


def _travel(journey: Journey, departure: Departure, reporter: Reporter) -> None:
    reporter.ends(departure.frame, journey(departure))


def _land(flights: Flights, stop: Stop, given_up: Stop, channel: grpc.Channel) -> None:
    """Wait for the frames in flight; once told to stop, for ``DRAIN_SECONDS`` only."""
    while not stop.is_set() and not flights.drain(0.1):
        pass
    if not flights.drain(DRAIN_SECONDS):
        given_up.set()
    channel.close()
    flights.close()


def _witness(settings: EdgeSettings, tally: Tally) -> Witness | Unwatched:
    if settings.monitor is None:
        return Unwatched()
    account = partial(tally.account, settings.name, time.time())
    channel = connect(settings.monitor, tls=settings.tls, role="edge")
    return Witness(channel, lost=tally.undelivered, account=account)
