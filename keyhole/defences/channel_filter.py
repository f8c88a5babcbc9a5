"""Learned filter of channels (DISCO): the picture decides which of them leave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from keyhole.defences.base import Defence, Features
from keyhole.defences.mechanism_file import StoredMechanism, check_shapes, read_mechanism
from keyhole.nn.channel_scores import ChannelScores, largest

CHANNEL_FILTER = "channel-filter"
_PREFIX = "scores."


@dataclass(frozen=True, eq=False)
class Filter:
    """A network that scores channels, and how many leave.

    Attributes:
        scores: the network.
        kept: channels that leave, those of the largest scores.
        shape: of the features of one picture.
    """

    scores: ChannelScores
    kept: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ChannelFilter(Defence):
    """Sends zeros in place of the channels that a small network scores lowest (`keyhole train defence`).

    Attributes:
        file: that holds the network. The attacker has it too.
    """

    file: str

    def __post_init__(self) -> None:
        self.filter  # noqa: B018  (a wrong file is refused at once)

    @cached_property
    def filter(self) -> Filter:
        """What the file holds."""
        stored = read_mechanism(self.file, CHANNEL_FILTER)
        shape = tuple(int(side) for side in stored.facts["shape"].split("×"))
        scores = ChannelScores(shape)
        scores.load_state_dict({name.removeprefix(_PREFIX): tensor for name, tensor in stored.tensors.items()})
        return Filter(scores.eval().requires_grad_(False), int(stored.facts["kept"]), shape)

    def protect(self, features: Features, generator: torch.Generator) -> Features:  # noqa: ARG002
        """``features`` without the channels that the filter stops.

        Raises:
            UsageError: the filter is for features of another shape.
        """
        found, tensor = self.filter, self._single(features)
        return (found.scores.times(tensor, largest(found.scores(tensor), found.kept).to(tensor.dtype)),)

    def comparable(self, features: Features, observed: Features) -> tuple[Features, Features]:
        """The channels of which the frame has anything; the picture decides which ones those are.

        A channel that the head itself leaves at zero is not told from one that was stopped, and not compared.
        """
        scores, tensor = self.filter.scores, self._single(observed)
        sent = (tensor != 0).movedim(scores.axis, 1)
        mask = sent.reshape(len(sent), scores.channels, -1).any(2)
        return (scores.times(features[0], mask.to(features[0].dtype)),), observed

    def _single(self, features: Features) -> Tensor:
        check_shapes(self.file, [self.filter.shape], features)
        return features[0]


def stored_filter(found: Filter) -> StoredMechanism:
    """A filter for a file."""
    tensors = {_PREFIX + name: tensor for name, tensor in found.scores.state_dict().items()}
    return StoredMechanism(tensors, {"kept": str(found.kept), "shape": "×".join(map(str, found.shape))})
