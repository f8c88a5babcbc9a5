"""Two towers that learn from pictures with captions: their module and its loss (CLIP)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.nn.text_tower import TextTower

_COLDEST = 0.01
"""The lowest temperature (Radford et al. 2021, §2.5: logits are scaled by 100 at most)."""
_PHRASE = re.compile(r",?\s+(?=(?:in|on|with|at|by|under|near|over|seen)\b)")


class CaptionLearner(nn.Module):
    """A picture tower and a text tower with a learned temperature.

    Args:
        pictures: N×3×H×W to embeddings N×D.
        text: texts to embeddings N×D.
        temperature: to start from.
    """

    def __init__(self, pictures: nn.Module, text: TextTower, temperature: float = 0.07) -> None:
        super().__init__()
        self.pictures, self.text = pictures, text
        self.coldness = nn.Parameter(torch.tensor(-math.log(temperature)))

    @property
    def temperature(self) -> float:
        """What cosines are divided by."""
        return math.exp(-float(self.coldness.detach()))

    def forward(self, inputs: Tensor) -> Tensor:
        """Embeddings N×D of normalised pictures N×3×H×W; of any length, not unit vectors."""
        return self.pictures(inputs)  # type: ignore[no-any-return]

    def scale(self) -> Tensor:
        """One over the temperature, at most 100; a scalar with gradient."""
        return self.coldness.exp().clamp(max=1 / _COLDEST)


def contrastive_loss(pictures: Tensor, texts: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE (Radford et al. 2021, Fig. 3) where some texts are equal.

    A picture is to be told from the pictures of other texts. Where several of a batch have its text, the answer is
    spread over them evenly, as UniCL does (Yang et al. 2022, "Unified contrastive learning", Eq. 3 to 5); with texts
    that all differ it is CLIP's loss.

    Args:
        pictures: embeddings, N×D.
        texts: embeddings of each picture's text, N×D.
        scale: one over the temperature.
        same: N×N, which texts are equal; true on the diagonal.

    Returns:
        A scalar, in nats.
    """
    likeness = scale * F.normalize(pictures.float()) @ F.normalize(texts.float()).T
    wanted = same.to(likeness) / same.sum(1, keepdim=True)
    return (F.cross_entropy(likeness, wanted) + F.cross_entropy(likeness.T, wanted)) / 2


def in_order_of_ends(captions: Sequence[str]) -> list[int]:
    """Places of captions in the order of their last phrases, then of those before: neighbours end alike.

    >>> in_order_of_ends(["a van in fog", "a bus by day", "a bus in fog"])
    [1, 2, 0]
    """
    return sorted(range(len(captions)), key=lambda place: _PHRASE.split(captions[place])[::-1])


def shortened(caption: str, share: float, generator: torch.Generator) -> str:
    """A caption, or some of its phrases in their order, so that a few words also find their pictures.

    Phrases are what prepositions begin: ``a red van``, ``on a city street``, ``in fog``.

    Args:
        caption: the text.
        share: probability that it is shortened; each phrase then stays with one of 0.5, and one at least.
        generator: source of randomness.
    """
    phrases = _PHRASE.split(caption)
    if len(phrases) < 2 or float(torch.rand((), generator=generator)) >= share:
        return caption
    kept = torch.rand(len(phrases), generator=generator) < 0.5
    kept[torch.randint(len(phrases), (), generator=generator)] = True
    return " ".join(phrase for phrase, stays in zip(phrases, kept.tolist(), strict=True) if stays)
