"""Latency of a split model on loopback against the whole model.

The cloud is a process of its own with as many threads as this one. A frame runs from the picture to the decoded answer.
Frames are sent one at a time, split and whole in alternating order.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.loopback import Cloud, Frames, in_turns, seconds
from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.service.memory import keep_freed

CASES = (
    ("resnet18", "layer2"),
    ("resnet18", "layer3"),
    ("timm:vit_tiny_patch16_224", "blocks.3"),
    ("timm:vit_tiny_patch16_224", "blocks.7"),
)
MOST = 1.05
WARM_UP = 10


@dataclass(frozen=True)
class SplitSettings(MeasurementSettings):
    """Time the split model on loopback against the whole one."""

    frames: int = 150
    """Frames each way."""
    threads: int = 1
    """Threads of a tensor operation, on either side."""


@dataclass(frozen=True)
class SplitRow(Ratio):
    """Medians of one target and cut, in milliseconds."""

    target: str = ""
    cut: str = ""
    payload_kib: float = 0.0
    whole_ms: float = 0.0
    split_ms: float = 0.0


def measure(target: str, cut: str, settings: SplitSettings) -> SplitRow:
    """Time the split and the whole model in turn."""
    frames = Frames(target, cut)
    with ExitStack() as stack:
        cloud = Cloud(stack, target, cut, threads=settings.threads)
        split = partial(frames.infer, cloud.client)
        assert torch.equal(split(), frames.whole())
        times = in_turns([partial(seconds, frames.whole), partial(seconds, split)], settings.frames, WARM_UP)
    whole_ms, split_ms = (1e3 * statistics.median(taken) for taken in times)
    return SplitRow(split_ms / whole_ms, MOST, None, target, cut, frames.payload_kib, whole_ms, split_ms)


def measurement(settings: SplitSettings) -> Measurement:
    """The measurement, with one row for each target and cut."""
    torch.set_num_threads(settings.threads)
    keep_freed()
    return Measurement.of(
        [measure(*case, settings) for case in CASES],
        "Split against whole",
        f"""One picture at a time, from the picture to the answer, p50 of {settings.frames}: head and tail in two
        processes with gRPC on loopback and fp32 features between them, against the model in one piece; both with
        {settings.threads} thread(s) and the same answer.""",
        {
            "target": ("target", ""),
            "cut": ("cut", ""),
            "payload KiB": ("payload_kib", ".0f"),
            "whole ms": ("whole_ms", ".2f"),
            "split ms": ("split_ms", ".2f"),
        },
        "python -m benchmarks.split",
    )


if __name__ == "__main__":
    run(SplitSettings, measurement)
