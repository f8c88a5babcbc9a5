"""One picture that is sent over and over, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from edge.device import Device
from edge.settings import HeadSettings
from keyhole.sizes import height_width
from keyhole.v1 import inference_pb2
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.tensors import unpack

CALL_SECONDS = 60.0


class Frames:
    """A device, a picture and its features.

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
