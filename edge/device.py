"""The protected head: what runs on the device before anything leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edge.settings import HeadSettings
from keyhole.defences import Defence, defence_named, randomness, spelled
from keyhole.partition import Partition, ProtectedHead, partitioned
from keyhole.sizes import Size, height_width
from keyhole.targets import Target
from keyhole.targets.target import defence_name
from keyhole.v1 import inference_pb2
from keyhole.wire.frames import expected_tensors
from keyhole.wire.tensors import ExpectedTensor


@dataclass(frozen=True)
class Device:
    """The protected head of a split model. The edge and the oracle run the same one.

    Attributes:
        target: whole model, for its preprocessing and its name.
        partition: the model, split.
        defence_name: for the frames' headers: what the target was trained as, and what is applied to its features.
        defence: applied to every feature tensor that leaves.
        generator: the defence's randomness.
    """

    target: Target
    partition: Partition
    defence_name: str
    defence: Defence
    generator: torch.Generator

    @classmethod
    def load(cls, settings: HeadSettings, role: str = "edge") -> Device:
        """The device that the flags describe; each role has random numbers of its own.

        Raises:
            UsageError: no such model, cut or defence.
        """
        defence = defence_named(settings.defence)
        target, partition = partitioned(settings)
        name = defence_name(target.defence, spelled(settings.defence))
        return cls(target, partition, name, defence, randomness(settings.seed, role))

    @property
    def size(self) -> Size:
        """Size of the pictures that the head takes, in pixels."""
        return self.target.preprocess.size

    @property
    def live(self) -> tuple[ExpectedTensor, ...]:
        """What crosses the split for one picture."""
        return expected_tensors(self.partition.plan.tensors)

    @property
    def outputs(self) -> tuple[ExpectedTensor, ...]:
        """What the cloud answers for one picture."""
        return expected_tensors(self.partition.plan.outputs)

    def header(self, frame_id: str, edge: str) -> inference_pb2.FrameHeader:
        """The header of one frame."""
        return inference_pb2.FrameHeader(
            frame_id=frame_id,
            edge=edge,
            target=self.target.name,
            model_hash=self.target.hash,
            cut=self.partition.plan.cut,
            defence=self.defence_name,
        )

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×H×W: the live tensors of the cut, N×… each."""
        return self._head(pictures)

    @torch.inference_mode()
    def features(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """What the head makes of pictures; it must not leave the device."""
        return self._head.features(pictures)

    @torch.inference_mode()
    def protect(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the defence lets out of them."""
        return self._head.protect(features)

    @property
    def _head(self) -> ProtectedHead:
        return ProtectedHead(self.partition.head, self.target.preprocess.normalise, self.defence, self.generator)

    def warm_up(self) -> None:
        """Run once on nothing, so that the first frame is as quick as the others."""
        self(torch.zeros(1, 3, *height_width(self.size)))
