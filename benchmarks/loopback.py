"""A split model on loopback: an edge's frames, clouds in processes of their own, and times taken in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from edge.device import Device
from edge.settings import HeadSettings
from keyhole.service.launcher import Launcher
from keyhole.sizes import height_width
from keyhole.v1 import inference_pb2
from keyhole.wire.channels import connect
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.tensors import unpack

CALL_SECONDS = 60.0


class Frames:
    """One picture that is sent over and over, its device and its features.

    Args:
        target: a name that ``--target`` takes.
        cut: where it is cut.
    """

    def __init__(self, target: str, cut: str) -> None:
        self.device = Device.load(HeadSettings(target=target, cut=cut))
        self.picture = torch.rand(1, 3, *height_width(self.device.size))
        self._header: inference_pb2.FrameHeader = self.device.header("frame-0", "benchmark")
        self._features = self.device(self.picture)
        (self._output,) = self.device.outputs
        self.payload_kib = self._packed(self._features).payload_bytes / 1024

    def send(self, client: InferenceClient) -> Tensor:
        """Features that are ready, to the decoded answer."""
        return self._answer(client, self._features)

    def infer(self, client: InferenceClient) -> Tensor:
        """The picture to the decoded answer: head, wire and tail."""
        return self._answer(client, self.device(self.picture))

    @torch.inference_mode()
    def whole(self) -> Tensor:
        """The picture to the answer of the model that was not split."""
        target = self.device.target
        answer: Tensor = target.model(target.preprocess.normalise(self.picture))
        return answer

    def _answer(self, client: InferenceClient, features: tuple[Tensor, ...]) -> Tensor:
        answer = client.infer(self._packed(features), CALL_SECONDS)
        return unpack(answer.outputs[0], field="outputs[0]", expected=self._output)

    def _packed(self, features: tuple[Tensor, ...]) -> PackedFrame:
        return pack_frame(self._header, features, codec_named("fp32"))


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_turns(measures: Sequence[Callable[[], float]], turns: int, warm_up: int) -> list[list[float]]:
    """Take each measure once a turn, in alternating order, so that whatever else the machine does falls on all.

    Returns:
        For each measure its values, those of the ``warm_up`` turns before the ``turns`` left out.
    """
    values: list[list[float]] = [[] for _ in measures]
    for turn in range(warm_up + turns):
        for place in range(len(measures)) if turn % 2 else reversed(range(len(measures))):
            values[place].append(measures[place]())
    return [taken[warm_up:] for taken in values]


@contextmanager
def process(*arguments: str, threads: int = 1) -> Iterator[None]:
    """A Python process with its number of threads; ended with the block."""
    running = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **_environment(threads)})
    try:
        yield
    finally:
        running.terminate()
        running.wait()


class Cloud:
    """A cloud and a channel to it, until the stack is closed.

    Args:
        stack: that ends the process.
        target: a name that ``--target`` takes.
        cut: where it is cut.
        flags: of the cloud, besides.
        threads: of the tail.

    Raises:
        ProcessError: it ended with an error.
        TimeoutError: it was not ready in time.
    """

    def __init__(self, stack: ExitStack, target: str, cut: str, *flags: str, threads: int = 1) -> None:
        logs = stack.enter_context(TemporaryDirectory())
        launcher = stack.enter_context(Launcher(Path(logs)))
        model = ("--target", target, "--cut", cut)
        launcher.start("cloud", ("cloud", *model, "--listen", "127.0.0.1:0", *flags), _environment(threads))
        places = launcher.wait_for("cloud")
        self.address, self._metrics = places["listen"], places["metrics"]
        self.client = InferenceClient(stack.enter_context(connect(self.address)))

    def tap_dropped(self) -> int:
        """Frames that the tap's subscriber has lost."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return int(next(float(line.split()[1]) for line in lines if line.startswith("keyhole_tap_dropped_total ")))


def _environment(threads: int) -> Mapping[str, str]:
    return {"OMP_NUM_THREADS": str(threads), "KEYHOLE_LOG_LEVEL": "ERROR"}
