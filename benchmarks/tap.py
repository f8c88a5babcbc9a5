"""Latency that the tap costs the victim: with the tap off, and with a subscriber that hardly reads.

Two clouds and the subscriber are processes of their own; frames go to the clouds in turn, one at a time, in alternating
order, so that whatever else the machine does falls on both. A frame's latency runs from its features to its decoded
answer. The subscriber reads one frame a second: its queue is always full, and the cloud drops the oldest for each.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.loopback import Cloud, Frames, in_turns, process, seconds
from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.service.memory import keep_freed

SUBSCRIBER = Path(__file__).with_name("tap_subscriber.py")
TOKEN = "benchmark"
MOST = 1.05
WARM_UP = 20


@dataclass(frozen=True)
class TapSettings(MeasurementSettings):
    """Time frames with the tap off and with a slow subscriber, in one run."""

    target: str = "resnet18"
    """Model to split; random weights do."""
    cut: str = "layer2"
    """Where it is cut."""
    frames: int = 400
    """Frames to each cloud."""


@dataclass(frozen=True)
class TapRow(Ratio):
    """Latencies in milliseconds, and the ratio's 95 % bootstrap interval over pairs of frames."""

    payload_kib: float = 0.0
    off_p50_ms: float = 0.0
    on_p50_ms: float = 0.0
    interval: str = ""
    tap_dropped: int = 0


def measure(settings: TapSettings) -> TapRow:
    """Time frames to a cloud with a tap and to one without."""
    torch.set_num_threads(1)
    keep_freed()
    frames = Frames(settings.target, settings.cut)
    with ExitStack() as stack:
        off = Cloud(stack, settings.target, settings.cut)
        secret = Path(stack.enter_context(TemporaryDirectory())) / "token"
        secret.write_text(TOKEN)
        on = Cloud(stack, settings.target, settings.cut, "--tap-token", str(secret))
        stack.enter_context(process(str(SUBSCRIBER), on.address, TOKEN))
        while not on.tap_dropped():
            frames.send(on.client)
            frames.send(off.client)
        before = on.tap_dropped()
        sends = [partial(seconds, partial(frames.send, cloud.client)) for cloud in (off, on)]
        times = in_turns(sends, settings.frames, WARM_UP)
        dropped = on.tap_dropped() - before
    pairs = list(zip(*times, strict=True))
    ratios = sorted(_ratio(random.Random(seed).choices(pairs, k=len(pairs))) for seed in range(1000))
    off_p50, on_p50 = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    interval = f"{ratios[25]:.3f} to {ratios[974]:.3f}"
    return TapRow(_ratio(pairs), MOST, None, frames.payload_kib, off_p50, on_p50, interval, dropped)


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(on for _, on in pairs) / statistics.median(off for off, _ in pairs)


def measurement(settings: TapSettings) -> Measurement:
    """The measurement, of one row."""
    return Measurement.of(
        [measure(settings)],
        "The tap on against off",
        f"""Features to the decoded answer, one frame at a time, p50 of {settings.frames}: a cloud whose tap has a
        subscriber that reads one frame a second, so that its queue is always full, against one without a tap. The
        interval is that of 95 % by bootstrap over pairs of frames.""",
        {
            "KiB": ("payload_kib", ".0f"),
            "off ms": ("off_p50_ms", ".2f"),
            "on ms": ("on_p50_ms", ".2f"),
            "95 % interval": ("interval", ""),
            "tap dropped": ("tap_dropped", ""),
        },
        "python -m benchmarks.tap",
    )


if __name__ == "__main__":
    run(TapSettings, measurement)
