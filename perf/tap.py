"""What the tap costs the victim: frame latency with the tap off, and with a subscriber that hardly reads.

Two clouds and the subscriber are processes of their own; frames go to the clouds in turn, one at a time, in alternating
order, so that whatever else the machine does falls on both. A frame's latency runs from its features to its decoded
answer. The subscriber reads one frame a second: its queue is always full, and the cloud drops the oldest for each.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from edge.device import Device
from edge.settings import HeadSettings
from keyhole.service.address import free_port
from keyhole.service.memory import keep_freed
from keyhole.v1 import inference_pb2
from keyhole.wire.channel import connect, wait_ready
from keyhole.wire.client import InferenceClient
from keyhole.wire.codecs import codec_named
from keyhole.wire.packed import PackedFrame, pack_frame
from keyhole.wire.tensors import ExpectedTensor, unpack

SUBSCRIBER = Path(__file__).with_name("tap_subscriber.py")
TOKEN = "perf"
TARGET_RATIO = 1.05
START_SECONDS, CALL_SECONDS = 120.0, 60.0
WARM_UP = 20


@dataclass(frozen=True)
class Settings:
    """Time frames with the tap off and with a slow subscriber, in one run."""

    target: str = "resnet18"
    """Model to split; random weights do."""
    cut: str = "layer2"
    """Where it is cut."""
    frames: int = 400
    """Frames to each cloud."""
    json: Path | None = None
    """Also write the result to this file."""


@dataclass(frozen=True)
class Result:
    """Latencies in milliseconds, their ratio, and the ratio's 95 % bootstrap interval over pairs of frames."""

    payload_kib: float
    off_p50_ms: float
    on_p50_ms: float
    ratio: float
    low: float
    high: float
    target: float
    tap_dropped: int


class Cloud:
    """One cloud process and a channel to it."""

    def __init__(self, stack: ExitStack, settings: Settings, *flags: str) -> None:
        self.address, self._metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        model = ["--target", settings.target, "--cut", settings.cut]
        listen = ["--listen", self.address, "--metrics", self._metrics]
        stack.enter_context(_process("-m", "keyhole.cli", "cloud", *model, *listen, *flags))
        self.client = InferenceClient(stack.enter_context(connect(self.address)))

    def tap_dropped(self) -> int:
        """Frames that the tap's subscriber has lost."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return int(next(float(line.split()[1]) for line in lines if line.startswith("keyhole_tap_dropped_total ")))


@contextmanager
def _process(*arguments: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1", "KEYHOLE_LOG_LEVEL": "ERROR"}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


class Frames:
    """Sends the same features over and over."""

    def __init__(self, settings: Settings) -> None:
        device = Device.load(HeadSettings(target=settings.target, cut=settings.cut))
        self._header: inference_pb2.FrameHeader = device.header("perf-0", "perf")
        self._features = device(torch.rand(1, 3, device.size, device.size))
        self._output: ExpectedTensor = device.output
        self.payload_kib = self._packed().payload_bytes / 1024

    def seconds(self, client: InferenceClient) -> float:
        """From features to the decoded answer."""
        started = time.perf_counter()
        answer = client.infer(self._packed(), CALL_SECONDS)
        unpack(answer.output, field="output", expected=self._output)
        return time.perf_counter() - started

    def _packed(self) -> PackedFrame:
        return pack_frame(self._header, self._features, codec_named("fp32"))


def measure(settings: Settings) -> Result:
    """Run everything and time it."""
    torch.set_num_threads(1)
    keep_freed()
    frames = Frames(settings)
    with ExitStack() as stack:
        off, on = Cloud(stack, settings), Cloud(stack, settings, "--tap-token", TOKEN)
        for cloud in (off, on):
            wait_ready(cloud.address, START_SECONDS)
        stack.enter_context(_process(str(SUBSCRIBER), on.address, TOKEN))
        while not on.tap_dropped():
            frames.seconds(on.client)
            frames.seconds(off.client)
        before = on.tap_dropped()
        times: dict[Cloud, list[float]] = {off: [], on: []}
        for turn in range(WARM_UP + settings.frames):
            for cloud in (off, on) if turn % 2 else (on, off):
                times[cloud].append(frames.seconds(cloud.client))
        dropped = on.tap_dropped() - before
    pairs = list(zip(times[off][WARM_UP:], times[on][WARM_UP:], strict=True))
    ratios = sorted(_ratio(random.Random(seed).choices(pairs, k=len(pairs))) for seed in range(1000))
    off_p50, on_p50 = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    return Result(frames.payload_kib, off_p50, on_p50, _ratio(pairs), ratios[25], ratios[974], TARGET_RATIO, dropped)


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(on for _, on in pairs) / statistics.median(off for off, _ in pairs)


def main(settings: Settings) -> None:
    """Measure and print the table."""
    result = measure(settings)
    table = Table(title="Frame latency with a slow subscriber of the tap against the tap off, p50")
    for heading in ("KiB", "off ms", "on ms", "ratio", "95 % interval", "target", "met", "tap dropped"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row(
        f"{result.payload_kib:.0f}",
        f"{result.off_p50_ms:.2f}",
        f"{result.on_p50_ms:.2f}",
        f"{result.ratio:.3f}",
        f"{result.low:.3f}–{result.high:.3f}",
        f"{result.target:.2f}",
        "yes" if result.ratio <= result.target else "no",
        str(result.tap_dropped),
    )
    Console().print(table)
    if settings.json:
        settings.json.write_text(json.dumps(asdict(result), indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Settings))
