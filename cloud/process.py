"""The cloud process: frame -> tail -> answer, with a tap on the frames."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from cloud.inference import Batcher, Inference, description, expectation, tail_of
from cloud.settings import CloudSettings
from cloud.tap import Tap
from keyhole.partition import partitioned
from keyhole.service import lifecycle
from keyhole.service.address import announce
from keyhole.service.errors import UsageError, check_flags
from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.wire.server import inference_registration, serve, tap_registration


def run(settings: CloudSettings) -> int:
    """Serve until told to stop; returns the exit code."""
    return lifecycle.run("cloud", partial(cloud, settings), settings.log)


def cloud(settings: CloudSettings, stop: Stop) -> None:
    """Serve until ``stop``, then drain.

    Raises:
        UsageError: a setting is out of range, or no such model or cut.
        OSError: the address cannot be listened on.
    """
    _check(settings)
    target, partition = partitioned(settings)
    with ExitStack() as open_:  # closed from the last line to the first
        metrics = Metrics("cloud")
        open_.callback(metrics.close)
        page = metrics.serve(settings.metrics)

        tap = Tap(settings.tap_token, settings.tap_queue, dropped=metrics.tap_dropped.inc)
        metrics.queue_depth.labels("tap").set_function(tap.depth)
        batcher = Batcher(
            tail_of(partition),
            max_batch=settings.max_batch,
            max_wait=settings.max_wait_ms / 1e3,
            depth=metrics.queue_depth.labels("tail").set,
        )
        open_.callback(batcher.close)
        service = Inference(
            description(target, partition), expectation(target, partition), batcher, tap.publish, metrics
        )
        server = serve(
            [inference_registration(service), tap_registration(tap.subscribe)],
            settings.listen,
            metrics=metrics,
            tls=settings.tls,
        )
        open_.callback(server.stop)
        open_.callback(tap.close)
        announce(
            settings.addresses,
            server.address,
            page,
            target=target.name,
            model_hash=target.hash,
            cut=partition.plan.cut,
            tap="off" if settings.tap_token is None else "on",
            tls=settings.tls is not None,
        )
        stop.wait()


def _check(settings: CloudSettings) -> None:
    check_flags(
        (
            ("--max-batch", settings.max_batch, settings.max_batch >= 1, "1 or more"),
            ("--max-wait-ms", settings.max_wait_ms, settings.max_wait_ms >= 0, "0 or more"),
            ("--tap-queue", settings.tap_queue, settings.tap_queue >= 1, "1 or more"),
        )
    )
    if settings.tap_token == "":
        raise UsageError("KEYHOLE_CLOUD_TAP_TOKEN is empty: give a secret, or unset it to turn the tap off")
