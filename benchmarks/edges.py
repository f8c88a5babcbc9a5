"""Frames per second of one cloud, by number of edges, with and without micro-batching.

Each edge is a thread. It sends features that are ready, the next frame as soon as the last was answered. The two clouds
are processes of their own and take turns of a few seconds, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.loopback import Cloud, Frames, in_turns
from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.service.memory import keep_freed
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient

EDGES = (1, 2, 4, 8)
LEAST = {8: 1.5}


@dataclass(frozen=True)
class EdgesSettings(MeasurementSettings):
    """Count frames answered with more and more edges, with and without micro-batching."""

    target: str = "resnet18-streetcam"
    """Model to split."""
    cut: str = "layer3"
    """Where it is cut."""
    turns: int = 4
    """Turns of each cloud."""
    seconds: float = 3.0
    """Length of a turn."""
    batch: int = 8
    """Most frames that share a forward pass, with micro-batching."""
    threads: int = 1
    """Threads of the tail."""


@dataclass(frozen=True)
class EdgesRow(Ratio):
    """Frames per second of one number of edges, the median over the turns."""

    edges: int = 0
    alone: float = 0.0
    together: float = 0.0


def rate(clients: list[InferenceClient], send: Callable[[InferenceClient], object], duration: float) -> float:
    """Frames per second, all edges together."""
    started = time.perf_counter()
    end = started + duration

    def edge(client: InferenceClient) -> int:
        sent = 0
        while time.perf_counter() < end:
            send(client)
            sent += 1
        return sent

    with ThreadPoolExecutor(len(clients)) as pool:
        frames = sum(pool.map(edge, clients))
    return frames / (time.perf_counter() - started)


def measure(settings: EdgesSettings) -> list[EdgesRow]:
    """Rates of both clouds, for every number of edges."""
    frames = Frames(settings.target, settings.cut)
    rows = []
    with ExitStack() as stack:
        clouds = [
            Cloud(stack, settings.target, settings.cut, "--max-batch", str(batch), threads=settings.threads)
            for batch in (1, settings.batch)
        ]
        channels = {
            cloud: [InferenceClient(stack.enter_context(connect(cloud.address))) for _ in range(max(EDGES))]
            for cloud in clouds
        }
        for edges in EDGES:
            rates = [partial(rate, channels[cloud][:edges], frames.send, settings.seconds) for cloud in clouds]
            alone, together = map(statistics.median, in_turns(rates, settings.turns, 1))
            rows.append(EdgesRow(together / alone, None, LEAST.get(edges), edges, alone, together))
    return rows


def measurement(settings: EdgesSettings) -> Measurement:
    """The measurement, with one row for each number of edges."""
    torch.set_num_threads(1)
    keep_freed()
    return Measurement.of(
        measure(settings),
        "More edges, and micro-batching",
        f"""Frames per second that one cloud answers: the tail of {settings.target} from {settings.cut} on, with
        {settings.threads} thread(s), at most one frame or at most {settings.batch} frames in a forward pass. Each edge
        sends features that are ready, one frame in flight; the median of {settings.turns} turns of
        {settings.seconds:g} s.""",
        {
            "edges": ("edges", ""),
            "one by one, frames/s": ("alone", ".1f"),
            "micro-batched, frames/s": ("together", ".1f"),
        },
        "python -m benchmarks.edges",
    )


if __name__ == "__main__":
    run(EdgesSettings, measurement)
