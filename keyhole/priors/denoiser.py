"""Denoisers: the half of a prior that tells noise from latent, and deterministic sampling by DDIM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from keyhole.nn.device import CPU
from keyhole.priors.folder import component
from keyhole.priors.networks import load_network, read_config
from keyhole.priors.schedule import DdimStep, Prediction, Schedule, load_schedule
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Denoiser:
    """A U-Net with its schedule.

    Attributes:
        network: latents N×C×h×w, timestep and, where it takes text, ``encoder_hidden_states`` to an object whose
            ``sample`` is the output; of 2·C channels where it learns the variance too, which DDIM makes no use of.
        schedule: that it was trained with.
        channels: of the latent.
        multiple: that the latent's sides must be of.
        width: of the text embedding; None: it takes no text.
        told: embedding 1×tokens×width of what it is told where a call says nothing else, or N×tokens×width, one for
            each latent; None: no prompt.
        encode: its text encoder, from N texts to N×tokens×width; None where it is told nothing.
    """

    network: nn.Module
    schedule: Schedule
    channels: int
    multiple: int
    width: int | None = None
    told: Tensor | None = None
    encode: Callable[[Sequence[str]], Tensor] | None = None

    def telling(self, texts: Sequence[str]) -> Denoiser:
        """The same, told a text, or one for each latent.

        Raises:
            ValueError: it has no text encoder at hand.
        """
        if self.encode is None:
            raise ValueError("a denoiser that is told nothing has no text encoder at hand")
        return replace(self, told=self.encode(texts))

    def no_text(self, count: int) -> Tensor | None:
        """The embedding N×1×width of no prompt: zeros, as in §4 of the feature-inversion paper; None without text.

        One token is enough: attention to zeros gives the same for any number of them.
        """
        return None if self.width is None else torch.zeros(count, 1, self.width)

    def predict(self, latents: Tensor, timestep: int, embedding: Tensor | None = None) -> Prediction:
        """Clean latent and noise in noisy latents N×C×h×w; one U-Net pass.

        Args:
            latents: x_t.
            timestep: t, the same for all.
            embedding: N×tokens×width of a prompt; None: `told`.
        """
        if embedding is None:
            count = len(latents)
            embedding = self.no_text(count) if self.told is None else self.told.expand(count, -1, -1)
        text = {} if embedding is None else {"encoder_hidden_states": embedding.to(latents.device)}
        output: Tensor = self.network(latents, timestep, **text).sample
        return self.schedule.read(latents, output[:, : self.channels], self.schedule.alphas_cumprod[timestep])

    def predict_noise(self, latents: Tensor, timestep: int, embedding: Tensor | None = None) -> Tensor:
        """Noise ε of `predict`, whatever quantity the U-Net predicts."""
        return self.predict(latents, timestep, embedding).noise


def load_denoiser(folder: Path, device: torch.device = CPU) -> Denoiser:
    """The U-Net in ``unet/``, on a device, with the schedule in ``scheduler/``.

    Raises:
        UsageError: either is not there, of a kind that is not known, or of channels that do not fit.
    """
    place = component(folder, "unet")
    kind = str(read_config(place / "config.json").get("_class_name"))
    if kind not in WIDTHS:
        raise UsageError(f"prior: {place} is of class {kind}: expected one of {', '.join(WIDTHS)}")
    schedule = load_schedule(folder)
    network: Any = load_network(place, kind)
    facts = network.config
    more = [name for name in _CONDITIONS if facts.get(name) not in (None, "text_proj")]
    if more:
        raise UsageError(
            f"prior: {place} is conditional on more than text ({', '.join(more)}), which no attack gives it"
        )
    taken, given = facts["in_channels"], facts["out_channels"]
    if given not in (taken, 2 * taken):
        raise UsageError(
            f"prior: {place} takes latents of {taken} channels and gives {given}: expected as many, or twice as many "
            "with a learned variance"
        )
    width, multiple = WIDTHS[kind](facts), 2 ** (len(facts["block_out_channels"]) - 1)
    denoiser = Denoiser(network, schedule, taken, multiple, width)
    check_denoiser(denoiser, place)
    network.to(device)
    return denoiser


@torch.no_grad()
def check_denoiser(denoiser: Denoiser, place: object, device: torch.device = CPU) -> None:
    """Refuse a U-Net that wants to know more than any attack tells it, on the smallest latent that it halves.

    Args:
        denoiser: whole.
        place: that it comes from, for messages.
        device: where it computes.

    Raises:
        UsageError: it does not run.
    """
    side = 2 * denoiser.multiple
    latents = torch.zeros(1, denoiser.channels, side, side, device=device)
    try:
        denoiser.predict_noise(latents, len(denoiser.schedule.alphas_cumprod) - 1)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"prior: the U-Net in {place} does not run with latents and text alone: {error}") from error


def _text_width(facts: Mapping[str, Any]) -> int:
    widths = facts.get("encoder_hid_dim") or facts["cross_attention_dim"]
    return int(widths if isinstance(widths, int) else widths[0])


_CONDITIONS = (
    "class_embed_type",
    "num_class_embeds",
    "addition_embed_type",
    "time_cond_proj_dim",
    "encoder_hid_dim_type",
)

WIDTHS: Mapping[str, Callable[[Mapping[str, Any]], int | None]] = MappingProxyType(
    {"UNet2DConditionModel": _text_width, "UNet2DModel": lambda _facts: None}
)
"""Width of the text embedding from the configuration of a U-Net, by its class."""


def ddim_step(predicted: Prediction, previous: Tensor) -> Tensor:
    """The latent at the timestep with ᾱ = ``previous``: √ᾱ·x₀ + √(1 − ᾱ)·ε."""
    return previous**0.5 * predicted.clean + (1 - previous) ** 0.5 * predicted.noise


def ddim_sample(denoiser: Denoiser, noise: Tensor, steps: Sequence[DdimStep]) -> Tensor:
    """Latents N×C×h×w sampled from noise N×C×h×w by deterministic DDIM, one U-Net pass for each step.

    Song et al. 2020, Eq. 12 with η = 0. Gradients pass through: only the latents between steps are kept, and each step
    is computed once more on the way back, so that memory hardly grows with their number.
    """
    latents = noise
    for step in steps:
        advance = partial(_advance, denoiser, step)
        if torch.is_grad_enabled() and latents.requires_grad:
            latents = checkpoint(advance, latents, use_reentrant=False, preserve_rng_state=False)
        else:
            latents = advance(latents)
    return latents


def _advance(denoiser: Denoiser, step: DdimStep, latents: Tensor) -> Tensor:
    return ddim_step(denoiser.predict(latents, step.timestep), step.previous)
