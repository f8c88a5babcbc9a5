"""Several texts on the frames: all are tried, and for each picture the one is kept that explains its features best.

§8.1 of the feature-inversion paper tries all of them and selects "the one that achieves the optimal quality", which an
attacker cannot know. What it can know is how far the features of what it made are from the frame's: from the known
head, or from the oracle's answer about the pictures that it made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from keyhole.attacks.base import (
    Observation,
    Oracle,
    OracleAwayError,
    OracleSpentError,
    stacked,
)
from keyhole.attacks.features.objective import relative_distance
from keyhole.generators.diffusion import Diffusion

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tried:
    """Pictures N×3×H×W with the distances of their features from the frames', and the text of each."""

    pictures: Tensor
    distances: Tensor
    texts: tuple[str, ...]

    def or_nearer(self, other: Tried) -> Tried:
        """For each picture the version whose features match better; this one where neither does."""
        nearer = other.distances < self.distances
        pictures = torch.where(nearer[:, None, None, None], other.pictures, self.pictures)
        pairs = zip(nearer.tolist(), self.texts, other.texts, strict=True)
        texts = tuple(theirs if better else ours for better, ours, theirs in pairs)
        return Tried(pictures, torch.minimum(self.distances, other.distances), texts)


@dataclass(frozen=True)
class KeptByOracle:
    """Black box: the network's variable goes through the diffusion model once for each text, and the oracle is asked
    about every picture that this makes.

    Attributes:
        generator: D, told any text.
        texts: to try; two or more.
        oracle: answers queries; while it does not, the first text is kept.
    """

    generator: Diffusion
    texts: tuple[str, ...]
    oracle: Oracle

    @cached_property
    def told(self) -> Mapping[str, Diffusion]:
        """D by text."""
        return {text: self.generator.telling([text]) for text in self.texts}

    def __call__(self, variable: Tensor, frames: Sequence[Observation]) -> tuple[Tensor, tuple[str, ...]]:
        """The pictures that are kept, N×3×H×W, and the text of each."""
        observed = stacked(frames)
        best: Tried | None = None
        for text, generator in self.told.items():
            pictures, texts = generator(variable).clamp(0, 1).cpu(), (text,) * len(frames)
            try:
                distances = relative_distance([tensor.float() for tensor in self.oracle.query(pictures)], observed)
            except (OracleAwayError, OracleSpentError) as error:
                _log.warning("no oracle to choose a text by", extra={"kept": self.texts[0], "reason": str(error)})
                return (pictures, texts) if best is None else (best.pictures, best.texts)
            tried = Tried(pictures, distances, texts)
            best = tried if best is None else best.or_nearer(tried)
        if best is None:
            raise ValueError("no text to try")
        return best.pictures, best.texts
