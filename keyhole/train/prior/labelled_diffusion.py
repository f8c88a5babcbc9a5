"""Pretraining of Diff-MI's conditional diffusion model: latents of public pictures with their pseudo-labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from keyhole.train.prior.diffusion import DiffusionTraining, Noising


class LabelledDiffusionTraining(DiffusionTraining):
    """See `DiffusionTraining`; Eq. 2 of Diff-MI, by velocities.

    The label of each picture of a step is left out by a draw of its own, so that guidance has an answer without; Diff-
    MI's code draws once for a whole batch.

    Args:
        network, latents: see `DiffusionTraining`.
        pairs: M×2 places of latents and their labels, see `keyhole.train.prior.pseudo_labels`.
        none: the label of no class.
        null_label: probability that a label is left out.
        settings: as those of `DiffusionTraining`.
    """

    def __init__(
        self, network: Any, latents: Tensor, pairs: Tensor, *, none: int, null_label: float, **settings: Any
    ) -> None:
        super().__init__(network, latents, **settings)
        self._pairs, self._none, self._null_label = pairs, none, null_label

    def batches(self, first: int, last: int) -> Iterator[Noising]:
        for step in range(first, last):
            generator = torch.Generator().manual_seed(self.optimisation.seed * 1_000_003 + step)
            chosen = torch.randint(len(self._pairs), (self._batch,), generator=generator)
            places, labels = self._pairs[chosen].T
            left_out = torch.rand(self._batch, generator=generator) < self._null_label
            latents = self._latents[places]
            noise = torch.randn(latents.shape, generator=generator)
            timesteps = torch.randint(len(self._scheduler.alphas_cumprod), (self._batch,), generator=generator)
            yield Noising(latents, noise, timesteps, labels.masked_fill(left_out, self._none))
