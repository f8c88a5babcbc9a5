"""Halves of split models under torch, torch.jit.freeze and ONNX Runtime: CPU time of one thread, in turns."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.loopback import in_turns
from benchmarks.measurement import Measurement, MeasurementSettings, Ratio, run
from keyhole.export.facts import facts_of
from keyhole.export.formats import FORMATS, check_packages, program_of
from keyhole.export.half import Half, half_of
from keyhole.export.settings import Part
from keyhole.partition import partitioned
from keyhole.service.memory import keep_freed
from keyhole.targets import ModelSettings

CASES: tuple[tuple[str, str, Part], ...] = (
    ("resnet18-streetcam", "layer2", "head"),
    ("resnet18-streetcam", "layer2", "tail"),
    ("vit-tiny-streetcam", "blocks.3", "head"),
)
LEAST = 1.3
WARM_UP = 10


@dataclass(frozen=True)
class RuntimesSettings(MeasurementSettings):
    """Time halves under other runtimes than torch, one picture at a time."""

    calls: int = 150
    """Calls of each; the median counts."""


@dataclass(frozen=True)
class RuntimesRow(Ratio):
    """One half: milliseconds of each runtime; the ratio is torch's time to that of ONNX Runtime."""

    target: str = ""
    half: str = ""
    torch_ms: float = 0.0
    frozen_ms: float = 0.0
    onnx_ms: float = 0.0
    apart: float = 0.0


def under_onnx(half: Half, facts: str) -> Callable[[Tensor], Tensor]:
    """A half of one input and one output as ONNX Runtime runs it, on one thread."""
    import onnxruntime  # noqa: PLC0415  (an extra)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    written = FORMATS["onnx"].write(program_of(half), half, facts)
    session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    name = half.inputs[0].name
    return lambda given: torch.from_numpy(session.run(None, {name: given.numpy()})[0])


def measure(target_name: str, cut: str, part: Part, calls: int) -> RuntimesRow:
    """Time one half in turns."""
    target, partition = partitioned(ModelSettings(target_name, cut=cut))
    half = half_of(target, partition, part)
    given = half.trials[0]
    assert isinstance(given, Tensor)
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(half.module, given))  # type: ignore[no-untyped-call]
    onnx = under_onnx(half, facts_of(target, half))

    def timed(call: Callable[[Tensor], Tensor]) -> Callable[[], float]:
        def once() -> float:
            with torch.inference_mode():
                started = time.thread_time()
                call(given)
                return time.thread_time() - started

        return once

    with torch.no_grad():
        expected = half.module(given)
    apart = float((onnx(given) - expected).abs().max() / expected.abs().max())
    times = in_turns([timed(half.module), timed(frozen), timed(onnx)], calls, WARM_UP)
    ours, frozen_ms, onnx_ms = (1e3 * statistics.median(taken) for taken in times)
    return RuntimesRow(ours / onnx_ms, None, LEAST, target_name, f"{part} at {cut}", ours, frozen_ms, onnx_ms, apart)


def measurement(settings: RuntimesSettings) -> Measurement:
    """The measurement, with one row for each half."""
    check_packages("onnx")
    torch.set_num_threads(1)
    keep_freed()
    return Measurement.of(
        [measure(*case, settings.calls) for case in CASES],
        "Runtimes of a half",
        f"""CPU-milliseconds of one thread for one picture, medians of {settings.calls} calls in turns: torch in
        inference mode, torch.jit.freeze, and ONNX Runtime on the exported half. The ratio is torch's to ONNX Runtime's;
        apart: how far its answer is, as a share of the largest number.""",
        {
            "target": ("target", ""),
            "half": ("half", ""),
            "torch": ("torch_ms", ".2f"),
            "frozen": ("frozen_ms", ".2f"),
            "ONNX Runtime": ("onnx_ms", ".2f"),
            "apart": ("apart", ".0e"),
        },
        "python -m benchmarks.runtimes",
    )


if __name__ == "__main__":
    run(RuntimesSettings, measurement)
