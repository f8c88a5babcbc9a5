"""Frames of the tiny model, and what its whole makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from edge.device import Device
from edge.settings import HeadSettings
from keyhole.v1 import tensor_pb2
from keyhole.wire.frames import PackedFrame, pack_frame
from tests.system.running import CUT, TINY
from tests.system.tiny_target import SIZE


@dataclass(frozen=True)
class Edge:
    """Makes frames as an edge would."""

    target: str = TINY
    cut: str = CUT
    defence: str = "none"

    @cached_property
    def device(self) -> Device:
        return Device.load(HeadSettings(target=self.target, cut=self.cut, defence=self.defence))

    def frame(self, picture: Tensor, frame_id: str = "edge-0-1", codec: int = tensor_pb2.CODEC_FP32) -> PackedFrame:
        return pack_frame(self.device.header(frame_id, "edge-0"), self.device(picture[None]), codec)

    def whole(self, pictures: Tensor) -> Tensor:
        """The undivided model's answers."""
        target = self.device.target
        with torch.inference_mode():
            return target.model(target.preprocess.normalise(pictures))


def pictures(count: int, seed: int = 0) -> Tensor:
    """Random pictures, count×3×SIZE×SIZE, in steps of 1/255."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator).float() / 255
