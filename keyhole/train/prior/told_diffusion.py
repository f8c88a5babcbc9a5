"""Training of a U-Net that is told what pictures show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.nn.text_tower import MODEL, TOKENIZER
from keyhole.priors.text import TextEncoder
from keyhole.train.prior.diffusion import DiffusionTraining, Noising

_AT_ONCE = 256


@dataclass(frozen=True)
class Descriptions:
    """The captions of a prior's pictures, and the encoder that they go through.

    Attributes:
        folder: of the encoder.
        encoder: frozen.
        own: captions of the training pictures.
        audit: of the audit pictures.
    """

    folder: Path
    encoder: TextEncoder
    own: Sequence[str]
    audit: Sequence[str]

    @property
    def width(self) -> int:
        """Of an embedding."""
        return int(self.encoder([""]).shape[-1])

    def embedded(self, texts: Sequence[str]) -> Tensor:
        """Embeddings N×tokens×width."""
        parts = [self.encoder(texts[first : first + _AT_ONCE]) for first in range(0, len(texts), _AT_ONCE)]
        return torch.cat(parts)

    def save(self, out: Path) -> None:
        """Copy the encoder into a prior's folder."""
        for part in (MODEL, TOKENIZER):
            shutil.copytree(self.folder / part, out / part, dirs_exist_ok=True)


class ToldDiffusionTraining(DiffusionTraining):
    """See `DiffusionTraining`. Each picture's caption is left out at times, so that the zero embedding is the model
    without a text (Ho and Salimans 2022, "Classifier-free diffusion guidance", Algorithm 1).

    Args:
        network, latents: see `DiffusionTraining`; the network takes text.
        descriptions: a caption of each latent.
        dropout: probability that a caption is left out.
        settings: as those of `DiffusionTraining`.
    """

    def __init__(
        self, network: nn.Module, latents: Tensor, descriptions: Descriptions, *, dropout: float, **settings: Any
    ) -> None:
        super().__init__(network, latents, **settings)
        self._descriptions, self._dropout = descriptions, dropout

    def batches(self, first: int, last: int) -> Iterator[Noising]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            chosen = torch.randint(len(self._latents), (self._batch,), generator=generator)
            kept = torch.rand(self._batch, generator=generator) >= self._dropout
            latents = self._latents[chosen]
            noise = torch.randn(latents.shape, generator=generator)
            timesteps = torch.randint(len(self._scheduler.alphas_cumprod), (self._batch,), generator=generator)
            texts = self._descriptions.encoder([self._descriptions.own[place] for place in chosen.tolist()])
            yield Noising(latents, noise, timesteps, texts=texts * kept[:, None, None])
