"""The noise that a prior was trained with, and the timesteps that a sampler visits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor

from adversary.priors.folder import config, part
from adversary.priors.library import diffusers
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Step:
    """One step of a sampler.

    Attributes:
        timestep: that the latent is at.
        alpha: ᾱ there.
        previous: ᾱ of the timestep that the step leads to.
    """

    timestep: int
    alpha: Tensor
    previous: Tensor


@dataclass(frozen=True)
class Prediction:
    """What a U-Net's output says of a noisy latent x_t = √ᾱ·x₀ + √(1 − ᾱ)·ε.

    Attributes:
        clean: x₀.
        noise: ε.
    """

    clean: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Schedule:
    """A scheduler of diffusers, read as DDIM.

    Attributes:
        alphas_cumprod: ᾱ by timestep.
        final_alpha: ᾱ that the last step leads to.
        prediction: what the U-Net predicts; one of `PREDICTIONS`.
        clip: x₀ is held within ± this; None: it is not.
        timesteps: which ones so many steps visit, falling.
    """

    alphas_cumprod: Tensor
    final_alpha: Tensor
    prediction: str
    clip: float | None
    timesteps: Callable[[int], list[int]]

    def steps(self, count: int) -> tuple[Step, ...]:
        """The steps of a DDIM sampler, spaced as the scheduler's configuration says.

        Raises:
            UsageError: more steps than the prior has timesteps, or none.
        """
        trained = len(self.alphas_cumprod)
        visited = self.timesteps(count) if 1 <= count <= trained else []
        if not visited or visited[0] >= trained:
            raise UsageError(f"--sampling-steps {count}: this prior has {trained} timesteps")
        stride = trained // count
        return tuple(Step(now, self.alphas_cumprod[now], self._alpha(now - stride)) for now in visited)

    def steps_from(self, share: float, count: int) -> tuple[Step, ...]:
        """So many steps of a DDIM sampler, spaced evenly, that begin at a share of the schedule, 0 … 1.

        Raises:
            UsageError: more steps than there are timesteps below, or none.
        """
        first = round(share * (len(self.alphas_cumprod) - 1))
        if not 1 <= count <= first + 1:
            raise UsageError(f"--sampling-steps {count}: there are {first + 1} timesteps from where sampling begins")
        visited = [first - index * (first + 1) // count for index in range(count)]
        return tuple(Step(now, self.alphas_cumprod[now], self._alpha(then)) for now, then in pairwise([*visited, -1]))

    def read(self, latents: Tensor, output: Tensor, alpha: Tensor) -> Prediction:
        """What the U-Net's ``output`` for ``latents`` says, at a timestep with this ᾱ."""
        predicted = PREDICTIONS[self.prediction](latents, output, alpha)
        if self.clip is None:
            return predicted
        return Prediction(predicted.clean.clamp(-self.clip, self.clip), predicted.noise)

    def _alpha(self, timestep: int) -> Tensor:
        return self.alphas_cumprod[timestep] if timestep >= 0 else self.final_alpha


def load_schedule(folder: Path) -> Schedule:
    """The schedule in ``scheduler/``, whichever class wrote it. Betas, spacing and prediction are as its configuration
    says ("linear" in the paper's §6.1 is the schedule of Ho et al.; Stable Diffusion's own is "scaled_linear").

    x₀ is clipped only where the configuration says so: diffusers' default would, which suits pixels and not latents.

    Raises:
        UsageError: none there, or one that is not of noise levels (flow matching), or that thresholds.
    """
    file = part(folder, "scheduler") / "scheduler_config.json"
    facts = {"clip_sample": False, **config(file)}
    if not {"beta_schedule", "trained_betas"} & facts.keys() or facts.get("thresholding"):
        raise UsageError(
            f"prior: {file} is of class {facts.get('_class_name')}: expected one with betas, not thresholding"
        )
    return read_schedule(diffusers().DDIMScheduler, facts)


def read_schedule(scheduler: Any, facts: Mapping[str, Any]) -> Schedule:
    """The schedule of a configuration.

    Args:
        scheduler: diffusers' DDIMScheduler.
        facts: its configuration, or that of a scheduler with the same betas.

    Raises:
        UsageError: the prediction is of no known kind.
    """
    made = scheduler.from_config(dict(facts))
    if made.config.prediction_type not in PREDICTIONS:
        raise UsageError(f"prior: predicts {made.config.prediction_type}: expected one of {', '.join(PREDICTIONS)}")

    def timesteps(count: int) -> list[int]:
        spaced = scheduler.from_config(dict(facts))
        spaced.set_timesteps(count)
        visited: list[int] = spaced.timesteps.tolist()
        return visited

    clip = made.config.clip_sample_range if made.config.clip_sample else None
    return Schedule(made.alphas_cumprod, made.final_alpha_cumprod, made.config.prediction_type, clip, timesteps)


def _from_noise(latents: Tensor, output: Tensor, alpha: Tensor) -> Prediction:
    return Prediction((latents - (1 - alpha) ** 0.5 * output) / alpha**0.5, output)


def _from_velocity(latents: Tensor, output: Tensor, alpha: Tensor) -> Prediction:
    """Salimans and Ho (2022): v = √ᾱ·ε − √(1 − ᾱ)·x₀."""
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    return Prediction(signal * latents - noise * output, signal * output + noise * latents)


def _from_clean(latents: Tensor, output: Tensor, alpha: Tensor) -> Prediction:
    return Prediction(output, (latents - alpha**0.5 * output) / (1 - alpha) ** 0.5)


PREDICTIONS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Prediction]] = MappingProxyType(
    {"epsilon": _from_noise, "v_prediction": _from_velocity, "sample": _from_clean}
)
"""How a U-Net's output for noisy latents at ᾱ is read, by the name that diffusers gives to what it predicts."""
