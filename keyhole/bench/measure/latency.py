"""Latency of a frame: an edge and a cloud of their own, over gRPC, on an emulated link.

Frames leave one after the other: the next picture is taken when the last was answered, so that nothing queues and a
stage is what that stage takes. Both processes have the run's number of threads.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import torch

from keyhole.bench.axes import LatencyCell
from keyhole.bench.links import emulated_link
from keyhole.bench.measure.machine_load import LoadWatch
from keyhole.bench.records import EDGE_ONLY, LatencyRecord, Measured, Percentiles
from keyhole.bench.sweep import SEED, Sweep, audit_pictures, cut_of
from keyhole.metrics.interval import Interval
from keyhole.presentation.stages import EDGE_COMPUTE, TOTAL, parts
from keyhole.service.launcher import Launcher
from keyhole.service.memory import keep_freed
from keyhole.service.metrics import Metrics
from keyhole.sizes import size_text
from keyhole.v1.referee_pb2 import Ack, Outcome
from keyhole.wire.methods import REFEREE
from keyhole.wire.server import Registration, serve

DEADLINE_SECONDS = 60.0  # of a frame: a slow link is measured, not refused
_POLL_SECONDS = 0.1


class UnansweredError(RuntimeError):
    """Frames were lost, so no percentile can be trusted."""


def latency(cell: LatencyCell, sweep: Sweep) -> Measured:
    """Percentiles by stage, those of the warm-up left out.

    Raises:
        ProcessError: the edge or the cloud ended with an error.
        UnansweredError: not every frame was answered.
    """
    measure, watch = _whole if cell.design.cut == EDGE_ONLY else _split, LoadWatch()
    record = measure(cell, sweep)
    return Measured(replace(record, load=watch.load()))


def _split(cell: LatencyCell, sweep: Sweep) -> LatencyRecord:
    scale = sweep.settings.scale
    outcomes = _run(cell, sweep)
    answered = [outcome for outcome in outcomes if not outcome.dropped]
    if len(answered) != scale.warm_up + scale.frames:
        reasons = ", ".join(sorted({outcome.dropped for outcome in outcomes if outcome.dropped})) or "never concluded"
        raise UnansweredError(
            f"{len(answered)} of {scale.warm_up + scale.frames} frames were answered ({reasons}; a frame has "
            f"{DEADLINE_SECONDS:.0f} s)"
        )
    measured = answered[scale.warm_up :]
    names, totals = parts(measured[0].stages), [outcome.stages[TOTAL] for outcome in measured]
    return LatencyRecord(
        design=cell.design,
        link=cell.link,
        stages={name: percentiles([outcome.stages[name] for outcome in measured]) for name in names},
        total=percentiles(totals),
        frames=len(measured),
        payload=statistics.fmean(outcome.payload_bytes for outcome in measured),
        interval=median_interval(totals),
    )


def _run(cell: LatencyCell, sweep: Sweep) -> list[Outcome]:
    """Start a cloud, then an edge, and wait for its end; what became of its frames."""
    over = emulated_link(cell.link)
    model = _flags(cell, sweep)
    threads = {"OMP_NUM_THREADS": str(sweep.settings.threads)}
    frames = sweep.settings.scale.warm_up + sweep.settings.scale.frames
    with TemporaryDirectory() as logs, stopwatch() as (watch, address), Launcher(Path(logs)) as launcher:
        launcher.start("cloud", ("cloud", "--listen", "127.0.0.1:0", *model), threads)
        cloud = launcher.wait_for("cloud")["listen"]
        launcher.start(
            "edge",
            (
                *(
                    "edge",
                    "--cloud",
                    cloud,
                    "--monitor",
                    address,
                    "--source",
                    sweep.settings.source,
                    "--seed",
                    str(SEED),
                ),
                *("--codec", cell.design.codec, "--defence", cell.design.defence),
                *("--link", over.link, "--slowdown", str(over.slowdown)),
                *("--fps", "0", "--in-flight", "1", "--frames", str(frames), "--deadline", str(DEADLINE_SECONDS)),
                *model,
            ),
            threads,
        )
        while not launcher.done("edge"):
            launcher.check()
            time.sleep(_POLL_SECONDS)
        launcher.check()
        return watch.outcomes


def _flags(cell: LatencyCell, sweep: Sweep) -> Sequence[str]:
    model = sweep.settings.model(cell.design.target)
    optional: Mapping[str, object] = {
        "--weights": model.weights,
        "--size": None if model.size is None else size_text(model.size),
    }
    extra = (part for flag, value in optional.items() if value is not None for part in (flag, str(value)))
    return ("--target", model.target, "--cut", cut_of(cell.design), *extra)


@torch.inference_mode()
def _whole(cell: LatencyCell, sweep: Sweep) -> LatencyRecord:
    """The model's forward, normalisation included, on pictures one by one."""
    keep_freed()
    scale = sweep.settings.scale
    target = sweep.target(cell.design.target).target
    seconds = []
    for sample in audit_pictures(sweep.settings, target.preprocess.size, scale.warm_up + scale.frames):
        captured = time.perf_counter()
        target.model(target.preprocess.normalise(sample.picture[None]))
        seconds.append(time.perf_counter() - captured)
    measured = seconds[scale.warm_up :]
    found, interval = percentiles(measured), median_interval(measured)
    return LatencyRecord(cell.design, cell.link, {EDGE_COMPUTE: found}, found, scale.frames, 0.0, interval)


def percentiles(seconds: Sequence[float]) -> Percentiles:
    """Percentiles in milliseconds, interpolated between neighbours."""
    return Percentiles(*(float(value) for value in 1e3 * np.percentile(seconds, (50, 95, 99))))


def median_interval(seconds: Sequence[float]) -> Interval | None:
    """95 % interval of the median in milliseconds, see `LatencyRecord`; None below six durations."""
    from scipy.stats import quantile_test  # noqa: PLC0415 - slow to import, and every benchmark imports this

    found = quantile_test(seconds, p=0.5).confidence_interval(0.95)
    low, high = 1e3 * float(found.low), 1e3 * float(found.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


class Stopwatch:
    """A stand-in for the monitor that an edge reports to. It keeps only what became of each frame."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []

    @property
    def outcomes(self) -> list[Outcome]:
        """Outcomes so far, in order."""
        with self._lock:
            return list(self._outcomes)

    def registration(self) -> Registration:
        """The two calls that an edge makes. Truths are not read."""
        handlers = {
            "Witness": grpc.unary_unary_rpc_method_handler(self._witness, None, Ack.SerializeToString),
            "Conclude": grpc.unary_unary_rpc_method_handler(self._conclude, Outcome.FromString, Ack.SerializeToString),
        }
        return Registration.of(REFEREE, handlers)

    def _witness(self, _truth: bytes, _context: grpc.ServicerContext) -> Ack:
        return Ack()

    def _conclude(self, outcome: Outcome, _context: grpc.ServicerContext) -> Ack:
        with self._lock:
            self._outcomes.append(outcome)
        return Ack()


@contextmanager
def stopwatch() -> Iterator[tuple[Stopwatch, str]]:
    """A running stopwatch and its address."""
    watch = Stopwatch()
    server = serve([watch.registration()], "127.0.0.1:0", metrics=Metrics("bench"))
    try:
        yield watch, str(server.address)
    finally:
        server.stop(0.1)
