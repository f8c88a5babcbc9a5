"""Latency that the wire adds to gRPC: a frame to the cloud and back against bare bytes of the same length.

Ours: encode an fp32 tensor, call ``Infer`` (``InferStream`` for large frames), which decodes it, checks it and sends it
back as an answer, decode the answer. Bare: a unary call that echoes bytes, with identity serialisers. Copied: the same
with one copy of the payload on each side, for gRPC takes and gives bytes, and a header must come before a payload. Each
server is a process of its own. Calls are warm and interleaved, in an order that turns; the figures are medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import torch

from benchmarks.loopback import in_turns, seconds
from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from benchmarks.wire_server import COPY_METHOD, LIMITS, MODEL_HASH, RAW_METHOD, RAW_SERVICE, TARGET
from keyhole.service.memory import keep_freed
from keyhole.v1 import inference_pb2
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import pack_frame
from keyhole.wire.limits import KIB, UNARY_LIMIT
from keyhole.wire.tensors import ExpectedTensor, unpack

ROOT = Path(__file__).parents[1]
TIMEOUT = 30.0
WARM_UP = 10


@dataclass(frozen=True)
class WirePayload:
    """One payload: channels × height × width of fp32, calls of each kind, and the greatest ratio aimed at."""

    shape: tuple[int, int, int]
    calls: int
    most: float | None = None


PAYLOADS = (
    WirePayload((128, 14, 14), 300, 1.2),
    WirePayload((64, 56, 56), 300, 1.2),
    WirePayload((768, 32, 32), 150, 1.1),
    WirePayload((96, 256, 256), 40, 1.15),
)


@dataclass(frozen=True)
class WireRow(Ratio):
    """Medians of one payload, in milliseconds."""

    kib: float = 0.0
    way: str = ""
    bare_ms: float = 0.0
    copied_ms: float = 0.0
    ours_ms: float = 0.0


@dataclass(frozen=True)
class WireSettings(MeasurementSettings):
    """Time a frame to the cloud and back against bare gRPC."""

    calls: int | None = None
    """Calls of each kind; unset: enough for a stable median of each payload."""


@contextmanager
def server(kind: str) -> Iterator[int]:
    """A server process of a kind that `benchmarks.wire_server` knows; its port."""
    command = [sys.executable, "-m", "benchmarks.wire_server", kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def measure(case: WirePayload, calls: int, client: InferenceClient, raw: grpc.Channel) -> WireRow:
    """Time the three calls in turn, ``calls`` times each."""
    echo: Callable[..., bytes] = raw.unary_unary(f"/{RAW_SERVICE}/{RAW_METHOD}", None, None)
    copy: Callable[..., bytes] = raw.unary_unary(f"/{RAW_SERVICE}/{COPY_METHOD}", None, None)
    tensor = torch.randn(1, *case.shape, generator=torch.Generator().manual_seed(0))
    expected = ExpectedTensor("output", tuple(tensor.shape), tensor.dtype)
    payload = tensor.numpy().tobytes()
    header = inference_pb2.FrameHeader(
        frame_id="frame-0", target=TARGET, model_hash=MODEL_HASH, cut="x".join(map(str, case.shape))
    )

    def bare() -> bytes:
        return echo(payload, timeout=TIMEOUT)

    def copied() -> bytes:
        return copy(tensor.numpy().tobytes(), timeout=TIMEOUT)

    def ours() -> torch.Tensor:
        answer = client.infer(pack_frame(header, [tensor], codec_named("fp32")), TIMEOUT)
        return unpack(answer.outputs[0], field="outputs[0]", expected=expected, share=True, finite=False)

    assert bare() == copied() == payload
    assert torch.equal(ours(), tensor)
    times = in_turns([partial(seconds, call) for call in (bare, copied, ours)], calls, WARM_UP)
    bare_ms, copied_ms, ours_ms = (1e3 * statistics.median(taken) for taken in times)
    way = "InferStream" if len(payload) > UNARY_LIMIT else "Infer"
    return WireRow(ours_ms / bare_ms, case.most, None, len(payload) / KIB, way, bare_ms, copied_ms, ours_ms)


def measurement(settings: WireSettings) -> Measurement:
    """The measurement, with one row for each payload."""
    keep_freed()
    with (
        server("infer") as infer_port,
        server("raw") as raw_port,
        connect(f"127.0.0.1:{infer_port}") as channel,
        grpc.insecure_channel(f"127.0.0.1:{raw_port}", LIMITS) as raw,
    ):
        client = InferenceClient(channel)
        rows = [measure(case, settings.calls or case.calls, client, raw) for case in PAYLOADS]
    return Measurement.of(
        rows,
        "The wire against bare gRPC",
        """An fp32 tensor to a process that sends it back: encoded, decoded and checked each way, against a unary call
        that echoes as many bytes. Copied: the same call with the one copy on each side that a header costs, and nothing
        else. Medians.""",
        {
            "payload KiB": ("kib", ".0f"),
            "call": ("way", ""),
            "bare ms": ("bare_ms", ".2f"),
            "copied ms": ("copied_ms", ".2f"),
            "ours ms": ("ours_ms", ".2f"),
        },
        "python -m benchmarks.wire",
    )


if __name__ == "__main__":
    run(WireSettings, measurement)
