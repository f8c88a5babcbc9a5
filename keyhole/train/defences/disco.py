"""DISCO (Singh et al. 2021, "DISCO: Dynamic and invariant sensitive channel obfuscation for deep neural networks"):
which channels leave is learned, and depends on the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from accelerate import PartialState
from torch import Tensor, nn

from keyhole.defences.channel_filter import CHANNEL_FILTER, Filter, stored_filter
from keyhole.defences.mechanism_file import MECHANISM, write_mechanism
from keyhole.nn.channel_scores import ChannelScores, largest
from keyhole.train.defences.checks import check_range
from keyhole.train.defences.method import Lesson, Method, Step
from keyhole.train.defences.rival import Rival, distance_named
from keyhole.train.split import Split


@dataclass(frozen=True)
class Disco(Method):
    """A filter stops the channels by which an adversary sees most; the tail learns to do without them.

    The paper's filter is a convolutional network that makes a mask of a fixed share of the channels from the features,
    and is trained together with the tail against an adversary that infers a sensitive attribute; the first layers are
    pretrained and stay. So it is here, but for two things: the adversary reconstructs the picture, which is what
    Keyhole is about, and the filter is two linear layers on mean and deviation of each channel, since the edge has to
    run it. In training the channels are drawn by their scores; the mask is 0 or 1 on the way forward, and the gradient
    is that of a sigmoid of the scores about the threshold. At run time those of the largest scores leave.

    Attributes:
        share: of the channels that are stopped.
        weight: of the adversary's distance in the filter's loss.
        distance: ``mse``, or ``ssim`` for 1 − SSIM.
        turns: steps of the adversary for each of the filter.
        head_start: share of the training before the distance counts.
    """

    share: float = 0.5
    weight: float = 5.0
    distance: str = "mse"
    turns: int = 3
    head_start: float = 0.1
    changes_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_range("share", self.share, most=0.999)
        check_range("weight", self.weight)
        check_range("head_start", self.head_start, most=1)
        check_range("turns", self.turns, least=1)
        distance_named(self.distance)

    def lesson(self, split: Split) -> Lesson:
        split.freeze_head()
        return _Filtering(self, split)


class _Filtering(Lesson):
    def __init__(self, settings: Disco, split: Split) -> None:
        typical = split.typical()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(split.seed)
            scores = ChannelScores(tuple(typical.shape[1:]))
        scores.standardise(typical.cpu())
        self.scores = scores.to(PartialState().device)
        self.module = nn.ModuleDict({"task": split.task.module, "scores": self.scores})
        self.rival = Rival(typical, split.size, seed=split.seed)
        self.companions = (self.rival,)
        self._settings, self._split = settings, split
        self._distance = distance_named(settings.distance)
        self._kept = max(1, round((1 - settings.share) * scores.channels))

    def losses(self, step: Step, generator: torch.Generator) -> Mapping[str, Tensor]:
        settings, split = self._settings, self._split
        features, pictures = split.deployed(step.inputs), split.pictures(step.inputs)
        filtered = self._filtered(features, self._sampled(features, generator))
        for _ in range(settings.turns):
            self.rival.learn(filtered, pictures)
        task = split.prediction_loss(filtered, step.labels)
        if step.progress < settings.head_start:
            return {"task": task}
        distance = self._distance(self.rival.reconstruct(filtered), pictures)
        return {"task": task, "reconstruction": -settings.weight * distance}

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
