"""A model whose features cross the split on their way, as one network."""

from __future__ import annotations

from torch import Tensor, nn

from keyhole.bench.measure.pictures import SEED
from keyhole.bench.opening import Opened
from keyhole.bench.records import EDGE_ONLY, Design
from keyhole.bench.setup import cut_of
from keyhole.defences import Defence, defence_named, randomness
from keyhole.partition import Partition, as_features, as_tuple
from keyhole.wire.codec_registry import carried


class Crossing(nn.Module):
    """Head, defence, codec and tail: N×3×size×size, normalised, to N×outputs.

    Args:
        partition: head and tail.
        defence: of the features.
        codec: its name.
    """

    def __init__(self, partition: Partition, defence: Defence, codec: str) -> None:
        super().__init__()
        self.head, self.tail = partition.head, partition.tail
        self._defence, self._codec = defence, codec
        self._generator = randomness(SEED, "edge")

    def forward(self, inputs: Tensor) -> Tensor:
        """The answers, N×outputs."""
        features = self._defence.protect(as_tuple(self.head(inputs)), self._generator)
        answers: Tensor = self.tail(as_features(carried(features, self._codec)))
        return answers


def network(known: Opened, design: Design) -> nn.Module:
    """What answers a picture in a design: the whole model where it stays on the edge.

    Raises:
        UsageError: no such cut, defence or codec.
    """
    if design.cut == EDGE_ONLY:
        return known.target.model
    return Crossing(known.cut(cut_of(design)), defence_named(design.defence), design.codec)
