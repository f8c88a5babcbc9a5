"""The victim as an attack without processes meets it: its frames as they arrive, and an oracle with its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import Observation, WhiteBox
from keyhole.attacks.features.own_head import head_features
from keyhole.attacks.features.white_box import OwnOracle
from keyhole.defences import randomness
from keyhole.wire.codec_registry import through_codec


@dataclass(frozen=True)
class LocalOracle:
    """An oracle in this process: head, defence and codec, known by their answers alone."""

    known: WhiteBox
    generator: torch.Generator
    codec: str

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×H×W, as they arrive."""
        return through_codec(OwnOracle(self.known, self.generator).query(pictures), self.codec)


@dataclass(frozen=True)
class Victim:
    """The edge as the attack meets it: its pictures' features as they arrive.

    Each picture's random numbers are its own, whichever were sent before it: a run that was stopped and goes on meets
    the noise of one that was not.

    Attributes:
        known: head and defence.
        seed: of the random numbers.
        codec: of the frames.
    """

    known: WhiteBox
    seed: int
    codec: str

    def send(self, pictures: Tensor, numbers: Sequence[int]) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×H×W, the ``numbers``-th of the run."""
        features = tuple(tensor.cpu() for tensor in head_features(self.known, pictures))
        sent = [
            self.known.defence.protect(
                tuple(tensor[place : place + 1] for tensor in features), randomness(self.seed, f"edge {number}")
            )
            for place, number in enumerate(numbers)
        ]
        return through_codec(tuple(torch.cat(tensors) for tensors in zip(*sent, strict=True)), self.codec)


def observations(features: Sequence[Tensor]) -> list[Observation]:
    """One observation for each picture of a batch."""
    return [
        Observation(str(index), tuple(tensor[index : index + 1] for tensor in features))
        for index in range(len(features[0]))
    ]
