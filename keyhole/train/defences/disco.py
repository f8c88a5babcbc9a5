"""DISCO (Singh et al. 2021, "DISCO: Dynamic and invariant sensitive channel obfuscation for deep neural networks"):
which channels leave is learned, and depends on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from accelerate import PartialState
from torch import Tensor, nn

from keyhole.defences.channel_filter import CHANNEL_FILTER, Filter, stored_filter
from keyhole.defences.mechanism_file import MECHANISM, write_mechanism
from keyhole.nn.channel_scores import ChannelScores, largest
from keyhole.train.defences.adversarial import AdversarialMethod, AdversarialTraining
from keyhole.train.defences.base import DefenceTraining, check_range
from keyhole.train.split import Split


@dataclass(frozen=True)
class Disco(AdversarialMethod):
    """A learned filter stops the channels by which an adversary sees most; the tail learns to do without them.

    The paper's filter is a convolutional network that makes, from the features, a mask of a fixed share of the
    channels. It is trained together with the tail against an adversary that infers a sensitive attribute; the first
    layers are pretrained and fixed. Two things differ here. The adversary reconstructs the picture, which is Keyhole's
    subject. The filter is two linear layers on mean and deviation of each channel, because the edge has to run it. In
    training the channels are drawn by their scores. The mask is 0 or 1 on the way forward; its gradient is that of a
    sigmoid of the scores about the threshold. At run time the channels with the largest scores leave.

    Attributes:
        share: of the channels that are stopped.
    """

    share: float = 0.5
    changes_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_range("share", self.share, most=0.999)
        super().__post_init__()

    def training(self, split: Split) -> DefenceTraining:
        split.freeze_head()
        return _Filtering(self, split)


class _Filtering(AdversarialTraining):
    def __init__(self, settings: Disco, split: Split) -> None:
        typical = split.typical()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(split.seed)
            scores = ChannelScores(tuple(typical.shape[1:]))
        scores.standardise(typical.cpu())
        super().__init__(settings, split, typical)
        self.scores = scores.to(PartialState().device)
        self.module = nn.ModuleDict({"task": split.task.module, "scores": self.scores})
        self._kept = max(1, round((1 - settings.share) * scores.channels))

    def crossing(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        features = self._split.deployed(inputs)
        return self._filtered(features, self._sampled(features, generator))

    def protect(self, features: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        return self._filtered(features, self.scores(features))

    def _sampled(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Scores with Gumbel noise, whose largest are a draw without replacement: adversary and filter come to know
        every choice of channels."""
        scores: Tensor = self.scores(features)
        uniform = torch.rand(scores.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
        return scores - (-uniform.log()).log().to(scores.device)

    def _filtered(self, features: Tensor, scores: Tensor) -> Tensor:
        mask = largest(scores, self._kept)
        least = torch.where(mask > 0, scores, torch.inf).amin(1, keepdim=True)
        soft = torch.sigmoid(scores - least.detach())
        return self.scores.times(features, mask + soft - soft.detach())

    def store(self, folder: Path) -> str:
        path, shape = folder / MECHANISM, self._split.blocks.shape
        write_mechanism(stored_filter(Filter(self.scores, self._kept, shape)), CHANNEL_FILTER, path)
        return f"{CHANNEL_FILTER}:file={path}"
