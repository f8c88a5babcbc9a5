"""Diffusion models that are conditional on a classifier's classes: guidance, sampling, and their folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.nn.device import CPU
from keyhole.priors.autoencoder import Autoencoder, load_autoencoder
from keyhole.priors.folder import component
from keyhole.priors.networks import load_network
from keyhole.priors.schedule import DdimStep, Prediction, Schedule, load_schedule
from keyhole.priors.trained import GeneratorCard, load_tensors, save_half
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class ConditionalDenoiser:
    """A U-Net that takes labels 0 … K − 1 and K for none, with its schedule.

    Attributes:
        network: latents N×C×h×w, timesteps N and ``class_labels`` N to an object whose ``sample`` is the output.
        schedule: that it was trained with.
        classes: K.
    """

    network: nn.Module
    schedule: Schedule
    classes: int

    def predict(self, latents: Tensor, timesteps: Tensor, labels: Tensor, guidance: float = 1.0) -> Prediction:
        """Clean latents and noise in noisy latents N×C×h×w.

        Args:
            latents: x_t, each at its own t.
            timesteps: N.
            labels: N.
            guidance: w of classifier-free guidance (Ho and Salimans 2021, as Diff-MI's code has it): w times the answer
                with the label less w − 1 times that without; 1: the label alone, one pass instead of two.
        """
        alphas = self.schedule.alphas_cumprod.to(latents.device)[timesteps].view(-1, 1, 1, 1)
        output = self._output(latents, timesteps, labels)
        if guidance != 1:
            without = self._output(latents, timesteps, torch.full_like(labels, self.classes))
            output = guidance * output - (guidance - 1) * without
        return self.schedule.read(latents, output, alphas)

    def _output(self, latents: Tensor, timesteps: Tensor, labels: Tensor) -> Tensor:
        output: Tensor = self.network(latents, timesteps, class_labels=labels).sample
        return output


@dataclass(frozen=True)
class ConditionalSampler:
    """DDIM through a class-conditional diffusion model (Song et al. 2020, Eq. 12 and 16).

    Attributes:
        denoiser: of the latents.
        steps: from noisy to clean.
        guidance: see `ConditionalDenoiser.predict`.
        eta: 0: deterministic, 1: as much new noise in each step as DDPM adds.
    """

    denoiser: ConditionalDenoiser
    steps: Sequence[DdimStep]
    guidance: float = 1.0
    eta: float = 0.0

    def __call__(
        self,
        latents: Tensor,
        labels: Tensor,
        drawn: Callable[[], Tensor] | None = None,
        seen: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Clean latents N×C×h×w of noisy ones, differentiably.

        Args:
            latents: at the first step's timestep.
            labels: N.
            drawn: new noise N×C×h×w, where η is above 0.
            seen: told how many steps are to follow, and the clean latents as predicted at each step.
        """
        for left, step in zip(reversed(range(len(self.steps))), self.steps, strict=True):
            timesteps = torch.full((len(latents),), step.timestep, device=latents.device)
            predicted = self.denoiser.predict(latents, timesteps, labels, self.guidance)
            if seen:
                seen(left, predicted.clean)
            spread = self.eta * self._spread(step)
            kept = (1 - step.previous - spread**2).clamp_min(
                0
            )  # rounds to less than 0 where the step starts from noise
            latents = step.previous**0.5 * predicted.clean + kept**0.5 * predicted.noise
            if drawn and float(spread):
                latents = latents + spread * drawn()
        return latents

    @staticmethod
    def _spread(step: DdimStep) -> Tensor:
        """σ of Eq. 16 with η = 1: √((1 − ᾱ')/(1 − ᾱ)) · √(1 − ᾱ/ᾱ')."""
        return ((1 - step.previous) / (1 - step.alpha) * (1 - step.alpha / step.previous)) ** 0.5


@dataclass(frozen=True)
class ConditionalPrior:
    """What a folder of kind ``cdm`` holds.

    Attributes:
        card: what is known about it.
        autoencoder: pictures to latents and back.
        denoiser: of the latents.
    """

    card: GeneratorCard
    autoencoder: Autoencoder
    denoiser: ConditionalDenoiser


def load_conditional(folder: Path, device: torch.device = CPU, *, tuned: bool = True) -> ConditionalPrior:
    """The prior in a folder that `keyhole train prior --kind cdm` wrote.

    Args:
        folder: with its card.
        device: where it computes.
        tuned: False: as it was before its fine-tuning.

    Raises:
        UsageError: none there, of another kind, or parts that do not fit.
    """
    card = GeneratorCard.read(folder, "cdm")
    place = component(folder, "unet")
    network: Any = load_network(place, "UNet2DModel")
    labels = network.config["num_class_embeds"]
    if labels != card.classes + 1:
        raise UsageError(
            f"{place} takes {labels} labels: expected {card.classes + 1}, the classes of its card and none"
        )
    if not tuned and card.tuned:
        _restore(network, folder)
    autoencoder = load_autoencoder(folder, device=device)
    if autoencoder.channels != network.config["in_channels"]:
        raise UsageError(
            f"{folder}: the autoencoder's latents have {autoencoder.channels} channels, the U-Net takes "
            f"{network.config['in_channels']}"
        )
    return ConditionalPrior(
        card, autoencoder, ConditionalDenoiser(network.to(device), load_schedule(folder), card.classes)
    )


UNTUNED = "untuned"


def save_modules(network: nn.Module, names: Sequence[str], folder: Path) -> None:
    """Write some modules of a network in half precision, for `load_conditional` to restore; nothing where none are."""
    if names:
        save_half(nn.ModuleDict({_key(name): deepcopy(network.get_submodule(name)) for name in names}), folder, UNTUNED)


def _restore(network: nn.Module, folder: Path) -> None:
    stored = load_tensors(folder, UNTUNED)
    modules = {_key(name): module for name, module in network.named_modules()}
    kept = nn.ModuleDict({name: modules[name] for name in {key.partition(".")[0] for key in stored}})
    kept.load_state_dict(stored)


def _key(name: str) -> str:
    """A module's name without the points that a `torch.nn.ModuleDict` refuses."""
    return name.replace(".", "-")
