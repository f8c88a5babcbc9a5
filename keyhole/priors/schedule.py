"""Noise schedules of priors, and the timesteps that a sampler visits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keyhole.priors.folder import component
from keyhole.priors.networks import diffusers, read_config
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class DdimStep:
    """One step of a DDIM sampler.

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
    """The two parts of a noisy latent x_t = √ᾱ·x₀ + √(1 − ᾱ)·ε, as a U-Net predicts them.

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

    def steps(self, count: int) -> tuple[DdimStep, ...]:
        """The steps of a DDIM sampler, spaced as the scheduler's configuration says, each to the next one's timestep.

        A single step begins at the noisiest timestep, whatever the spacing. Some spacings would name the first, where
        there is no noise to take away.

        Raises:
            UsageError: more steps than the prior has timesteps, or none.
        """
        trained = len(self.alphas_cumprod)
        visited = self.timesteps(count) if 1 < count <= trained else [trained - 1] * (count == 1)
        if not visited or visited[0] >= trained:
            offset = f", of which it begins {visited[-1]} later (steps_offset)" if visited else ""
            raise UsageError(f"--sampling-steps {count}: this prior has {trained} timesteps{offset}")
        return self._through(visited)

    def steps_from(self, share: float, count: int) -> tuple[DdimStep, ...]:
        """``count`` evenly spaced steps of a DDIM sampler that begin at a share of the schedule, 0 … 1.

        Raises:
            UsageError: more steps than there are timesteps below, or none.
        """
        first = round(share * (len(self.alphas_cumprod) - 1))
        if not 1 <= count <= first + 1:
            raise UsageError(f"--sampling-steps {count}: there are {first + 1} timesteps from where sampling begins")
        return self._through([first - index * (first + 1) // count for index in range(count)])

    def read(self, latents: Tensor, output: Tensor, alpha: Tensor) -> Prediction:
        """The prediction in the U-Net's ``output`` for ``latents``, at a timestep with this ᾱ."""
        predicted = PREDICTIONS[self.prediction](latents, output, alpha)
        if self.clip is None:
            return predicted
        return Prediction(predicted.clean.clamp(-self.clip, self.clip), predicted.noise)

    def _through(self, visited: Sequence[int]) -> tuple[DdimStep, ...]:
        alphas = [*(self.alphas_cumprod[timestep] for timestep in visited), self.final_alpha]
        return tuple(DdimStep(now, *ends) for now, ends in zip(visited, pairwise(alphas), strict=True))


def load_schedule(folder: Path) -> Schedule:
    """The schedule in ``scheduler/``, whichever class wrote it.

    Betas, spacing and prediction are as its configuration says, or as its class has them by default. "linear" in the
    paper's §6.1 is the schedule of Ho et al.; Stable Diffusion's own is "scaled_linear". x₀ is clipped only where the
    configuration says so: diffusers clips by default, which suits pixels and not latents.

    Raises:
        UsageError: none there, one that is not of noise levels (flow matching), one that thresholds, or as
            `read_schedule`.
    """
    file = component(folder, "scheduler") / "scheduler_config.json"
    facts = read_config(file)
    if not {"beta_schedule", "trained_betas"} & facts.keys() or facts.get("thresholding"):
        raise UsageError(
            f"prior: {file} is of class {facts.get('_class_name')}: expected one with betas, not thresholding"
        )
    return read_schedule({**_defaults(str(facts.get("_class_name"))), "clip_sample": False, **facts})


def read_schedule(facts: Mapping[str, Any]) -> Schedule:
    """The schedule of a configuration; absent entries are those of diffusers' DDIMScheduler.

    >>> [step.timestep for step in read_schedule({"num_train_timesteps": 1000}).steps(4)]
    [750, 500, 250, 0]

    Raises:
        UsageError: betas, spacing or prediction are of no known kind, or at some noise level the prediction says
            nothing of the picture.
    """
    facts = {**_defaults("DDIMScheduler"), **facts}
    prediction, spacing = facts["prediction_type"], facts["timestep_spacing"]
    if prediction not in PREDICTIONS:
        raise UsageError(f"prior: predicts {prediction}: expected one of {', '.join(PREDICTIONS)}")
    if spacing not in SPACINGS:
        raise UsageError(f"prior: timestep_spacing is {spacing}: expected one of {', '.join(SPACINGS)}")
    try:
        noise = diffusers().DDPMScheduler(**{name: facts[name] for name in _BETAS})
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UsageError(f"prior: no betas can be made of its scheduler's configuration: {error}") from error
    alphas: Tensor = noise.alphas_cumprod
    _check_readable(prediction, alphas)
    return Schedule(
        alphas,
        torch.tensor(1.0) if facts["set_alpha_to_one"] else alphas[0],
        prediction,
        facts["clip_sample_range"] if facts["clip_sample"] else None,
        partial(SPACINGS[spacing], len(alphas), facts["steps_offset"]),
    )


def _defaults(kind: str) -> dict[str, Any]:
    """Defaults of a scheduler's class; none for a class that is not known."""
    made = getattr(diffusers(), kind, None)
    facts = inspect.signature(made.__init__).parameters if inspect.isclass(made) else {}
    return {name: fact.default for name, fact in facts.items() if fact.default is not inspect.Parameter.empty}


def _check_readable(prediction: str, alphas: Tensor) -> None:
    some = torch.ones_like(alphas)
    read = PREDICTIONS[prediction](some, some, alphas)
    for what, values in (("picture", read.clean), ("noise", read.noise)):
        if lost := (~values.isfinite()).nonzero().flatten().tolist():
            raise UsageError(
                f"prior: at timestep {lost[0]} of {len(alphas)} ᾱ is {alphas[lost[0]]:g}, where a U-Net that predicts "
                f"{prediction} says nothing of the {what}: see its scheduler_config.json (a schedule that ends without "
                "signal, by rescale_betas_zero_snr, is one for v_prediction)"
            )


def _leading(trained: int, offset: int, count: int) -> list[int]:
    return [at * (trained // count) + offset for at in reversed(range(count))]


def _linspace(trained: int, _offset: int, count: int) -> list[int]:
    visited: list[int] = np.linspace(0, trained - 1, count).round()[::-1].astype(int).tolist()
    return visited


def _trailing(trained: int, _offset: int, count: int) -> list[int]:
    """Rounding lets ``arange`` exceed the count by one (61 of 1000), with which diffusers visits timestep −1."""
    visited: list[int] = (np.arange(trained, 0, -trained / count)[:count].round().astype(int) - 1).tolist()
    return visited


SPACINGS: Mapping[str, Callable[[int, int, int], list[int]]] = MappingProxyType(
    {"leading": _leading, "linspace": _linspace, "trailing": _trailing}
)
"""Timesteps that a sampler visits, falling, of so many trained ones, an offset and a count, by diffusers' name (Table 2
of Lin et al. 2024)."""
_BETAS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
)


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
