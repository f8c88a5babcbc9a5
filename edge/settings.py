"""Flags of the edge and of the oracle."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from keyhole.service.errors import check_flags, seed_rule
from keyhole.service.settings import ServiceSettings
from keyhole.targets.settings import ModelSettings


@dataclass(frozen=True)
class HeadSettings(ServiceSettings, ModelSettings):
    """Flags that say which head runs, and what protects its features."""

    defence: str = "none"
    """What is done to the features before they leave, NAME[:SETTING=VALUE,…]: none, gaussian:scale=0.5 (or absolute=,
    or snr= in dB), laplace (the same), dropout:share=0.5, topk:share=0.1, int8, learned-noise:file=F and
    channel-filter:file=F (`keyhole train defence` writes F), or package.module:Class[:…] of your own. What the target
    was trained as (PATROL) comes with it."""
    seed: int = 0
    """Seed of all random choices."""


@dataclass(frozen=True)
class EdgeSettings(HeadSettings):
    """Run the first part of the model on pictures and send its features to the cloud.

    The edge waits for a cloud that is not there yet, and refuses one that serves another model or cut. The picture
    itself goes to the monitor only, as the truth that reconstructions are scored against.
    """

    cloud: str = "127.0.0.1:50051"
    """Address of the cloud, or of a proxy in front of it."""
    monitor: str | None = None
    """Address of the monitor's truth port. Without one, nothing is scored."""
    source: str = "streetcam"
    """Pictures: streetcam, streetcam-clips (vehicles that drive by), photos, leaves, a folder or zip, or SET:PATH
    (`keyhole data sets` lists the sets); several joined by + take turns."""
    codec: str = "fp32"
    """How features are packed: fp32, fp16, bf16, int8, each also with +zstd."""
    link: str = "none"
    """Emulated link to the cloud: none, lan, wifi, 5g, lte, 3g, or RATE:DELAY such as 10mbit:20ms."""
    slowdown: float = 1.0
    """Emulate a device so many times slower than this machine: head, defence and packing take so many times as long."""
    fps: float = 2.0
    """Pictures per second. 0: the next picture is taken as soon as a frame may leave, so none is dropped as backlog."""
    frames: int = 0
    """Pictures to take before ending. 0: endless."""
    in_flight: int = 4
    """Frames that may wait for an answer at once; a picture taken beyond that is dropped and counted."""
    deadline: float = 5.0
    """Seconds from picture to answer; a frame that takes longer is dropped and counted."""
    wait_seconds: float | None = None
    """Longest wait for a cloud that is not there, after which the edge ends. Absent: for ever."""
    name: str = "edge-0"
    """Name of this edge, the first part of its frames' ids."""


@dataclass(frozen=True)
class OracleSettings(HeadSettings):
    """Answer the adversary's queries: a device of its own that runs the edge's head and defence.

    It sees the pictures that the adversary sends, and nothing else.
    """

    listen: str = "127.0.0.1:50052"
    """Address to serve on; port 0 takes a free one, which the log names."""
    budget: int | None = None
    """Pictures that are answered in all; past that queries are refused. Absent: no limit."""


def check(settings: EdgeSettings) -> None:
    """Refuse what no run can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    rules = (
        ("--slowdown", settings.slowdown, 1 <= settings.slowdown < math.inf, "1 or more"),
        ("--fps", settings.fps, settings.fps >= 0, "0 or more"),
        ("--frames", settings.frames, settings.frames >= 0, "0 or more"),
        seed_rule("--seed", settings.seed),
        ("--in-flight", settings.in_flight, settings.in_flight >= 1, "1 or more"),
        ("--deadline", settings.deadline, settings.deadline > 0, "more than 0 seconds"),
        (
            "--wait-seconds",
            settings.wait_seconds,
            settings.wait_seconds is None or settings.wait_seconds >= 0,
            "0 or more",
        ),
        (
            "--name",
            settings.name,
            _NAME.fullmatch(settings.name),
            "up to 64 letters, digits, dots, dashes, underscores",
        ),
    )
    check_flags(rules)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
