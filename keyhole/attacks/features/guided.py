"""Guided sampling, white box: the frame's features steer every step of a diffusion sampler, after DRAG (ICML 2025)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import UNWATCHED, Budget, Estimate, Observation, RunSettings, Watch, WhiteBox
from keyhole.attacks.features.objective import Distance, matching_distance
from keyhole.attacks.features.own_head import observed_of
from keyhole.attacks.features.relaxed import RelaxedHead
from keyhole.attacks.features.white_box import same_shapes
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.generators.diffusion import Diffusion
from keyhole.priors.schedule import DdimStep, Prediction


@dataclass(frozen=True)
class Guidance:
    """How a sampler is guided. DRAG's figures, but 50 steps × 4 instead of 250 × 16.

    Attributes:
        steps: of the sampler.
        recurrences: times that each step is made, re-noising one step in between.
        rate: share of the guidance in the noise of a step.
        clip: longest gradient.
        pull: weight of the mean square of the head's input, the "small ℓ2 on the picture" of which no size is known.
        distance: between the features of the clean estimate and of the frame.
        strength: share of the schedule that a given start is noised to.
    """

    steps: int = 50
    recurrences: int = 4
    rate: float = 0.2
    clip: float = 0.02
    pull: float = 1e-3
    distance: Distance = matching_distance
    strength: float = 0.3

    @property
    def iterations(self) -> int:
        """U-Net passes of a whole run."""
        return self.steps * self.recurrences


CLOSING = Guidance(steps=20, recurrences=2, strength=0.3)
"""For a start that is nearly right: 6 steps of 20, each made twice."""


@dataclass(frozen=True)
class Guided:
    """Guided sampling after DRAG: at each step the clean latent is estimated (Tweedie), decoded and run through the
    head; the gradient of the distance about the noisy latent, clipped and smoothed, bends the step's noise.

    Attributes:
        known: the head and its preprocessing.
        generator: prior, size and number of steps.
        guidance: the hyper-parameters; its steps give way to the generator's.
        budget: per call; fewer iterations make fewer recurrences first, fewer steps then.
        seed: of all noise.
        watch: what is told on the way; an iteration is a U-Net pass.
    """

    known: WhiteBox
    generator: Diffusion
    guidance: Guidance
    budget: Budget
    seed: int = 0
    watch: Watch = UNWATCHED

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Sample pictures of the frames, from noise.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        return self.refine(frames, None)

    def refine(self, frames: Sequence[Observation], start: Tensor | None) -> Iterator[Estimate]:
        """Sample from latents N×C×h×w that are noised to the guidance's strength first; None: from noise.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        device, watch = self.known.device, self.watch
        observed, head = observed_of(frames, device), RelaxedHead(self.known.head)
        random = torch.Generator().manual_seed(self.seed)
        smoothed = Smoothed()
        plan = self._plan(whole=start is None)
        latents = self.generator.start(len(frames), random).to(device)
        if start is not None:
            alpha = plan[0][0].alpha
            latents = alpha**0.5 * start.to(device) + (1 - alpha) ** 0.5 * latents

        def noise() -> Tensor:
            return torch.randn(latents.shape, generator=random).to(device)

        done, loss = 0, 0.0
        started = reported = watch.clock()
        for at, (step, rounds) in enumerate(plan):
            for turn in range(rounds):
                predicted, pictures, losses, gradient = self._look(latents, step, observed, head)
                direction = smoothed(clipped(gradient, self.guidance.clip))
                ahead = guided_step(predicted, step, noise(), direction, self.guidance.rate)
                done, loss, now = done + 1, float(losses.mean()), watch.clock()
                watch.noted(loss)
                watch.stepped()
                over = now - started >= self.budget.seconds
                if over or now - reported >= watch.interval:
                    yield Estimate(pictures.clamp(0, 1).cpu(), done, now - started, loss, over, done)
                    reported = now
                if over:
                    return
                if turn + 1 == rounds or self._late(now - started, done, len(plan) - at - 1):
                    break
                latents = renoised(ahead, step, noise())
            latents = ahead
        with torch.no_grad():
            pictures = self.generator.decode(latents).clamp(0, 1).cpu()
        yield Estimate(pictures, done, watch.clock() - started, loss, True, done)

    def _look(
        self, latents: Tensor, step: DdimStep, observed: tuple[Tensor, ...], head: RelaxedHead
    ) -> tuple[Prediction, Tensor, Tensor, Tensor]:
        """Prediction at a step, pictures of its clean latents, their losses, gradient of those about the latents."""
        latents = latents.detach().requires_grad_(True)
        predicted = self.generator.prior.denoiser.predict(latents, step.timestep)
        pictures = self.generator.decode(predicted.clean)
        inputs = self.known.normalise(pictures)
        features = head(inputs)
        same_shapes(features, observed)
        losses = self.guidance.distance(*self.known.defence.comparable(features, observed))
        losses = losses + self.guidance.pull * inputs.square().flatten(1).mean(1)
        (gradient,) = torch.autograd.grad(losses.sum(), latents)
        clean, noise = predicted.clean.detach(), predicted.noise.detach()
        return Prediction(clean, noise), pictures.detach(), losses.detach(), gradient

    def _plan(self, *, whole: bool) -> list[tuple[DdimStep, int]]:
        """Steps, and how often each is made; all of them, or those after the guidance's strength."""
        steps = self.generator.plan
        if not whole:
            steps = steps[-max(1, round(len(steps) * self.guidance.strength)) :]
        allowed = min(self.budget.iterations, len(steps) * self.guidance.recurrences)
        if allowed < len(steps):
            steps = _thinned(steps, allowed)
        each, more = divmod(allowed, len(steps))
        return [(step, each + (at < more)) for at, step in enumerate(steps)]

    def _late(self, spent: float, done: int, left: int) -> bool:
        """Whether the steps that are left take the rest of the time, if each is made once."""
        return spent + left * spent / done >= self.budget.seconds


def _thinned(steps: Sequence[DdimStep], count: int) -> tuple[DdimStep, ...]:
    """An evenly spread selection of so many steps, each leading to the next."""
    chosen = [steps[at * len(steps) // count] for at in range(count)]
    ends = [*(step.alpha for step in chosen[1:]), steps[-1].previous]
    return tuple(DdimStep(step.timestep, step.alpha, end) for step, end in zip(chosen, ends, strict=True))


@dataclass(frozen=True)
class GuidedRecipe(WhiteBoxRecipe):
    """Guide a sampler."""

    guidance: Guidance

    @property
    def samples(self) -> bool:
        """True: a sampler makes the pictures."""
        return True

    @property
    def iterations(self) -> int:
        """U-Net passes."""
        return self.guidance.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> Guided:
        """The sampler."""
        generator = Diffusion(known.prior(), known.size, run.sampling_steps or self.guidance.steps)
        return Guided(known, generator, self.guidance, run.budget, run.seed, run.watch)


def spread(step: DdimStep) -> Tensor:
    """σ_t of DDIM with η = 1 (Song et al. 2020, Eq. 16): √((1 − ᾱ')/(1 − ᾱ))·√(1 − ᾱ/ᾱ')."""
    return ((1 - step.previous) / (1 - step.alpha) * (1 - step.alpha / step.previous)).clamp_min(0).sqrt()


def guided_step(predicted: Prediction, step: DdimStep, noise: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """The latent at the step's end: DDIM's mean and, on the sphere that its noise would land on, the mix of that noise
    and the direction against the gradient.

    Args:
        predicted: x₀ and ε at the step's start.
        step: of the sampler.
        noise: standard normal, as the latent.
        gradient: of the loss about the latent.
        rate: 0 (the noise alone) … 1 (the gradient alone).
    """
    sigma = spread(step)
    mean = step.previous**0.5 * predicted.clean + (1 - step.previous - sigma**2).clamp_min(0).sqrt() * predicted.noise
    radius = sigma * math.sqrt(noise[0].numel())
    mixed = torch.lerp(sigma * noise, -radius * unit(gradient), rate)
    return mean + radius * unit(mixed)


def renoised(latents: Tensor, step: DdimStep, noise: Tensor) -> Tensor:
    """The latent at the step's start again, from that at its end: self-recurrence."""
    kept = step.alpha / step.previous
    return kept.sqrt() * latents + (1 - kept).sqrt() * noise


def clipped(gradient: Tensor, limit: float) -> Tensor:
    """The gradient of each picture, no longer than ``limit``."""
    return gradient * (limit / _norm(gradient)).clamp_max(1.0)


def unit(direction: Tensor) -> Tensor:
    """Each picture's direction at length 1; zero stays zero."""
    return direction / _norm(direction)


class Smoothed:
    """Adam's direction without its step: first moment over the root of the second, both corrected for their start.

    Args:
        betas: decay rates of the moments.
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self._betas = betas
        self._first = self._second = torch.zeros(())
        self._count = 0

    def __call__(self, gradient: Tensor) -> Tensor:
        """The direction after one more gradient."""
        one, two = self._betas
        self._count += 1
        self._first = one * self._first + (1 - one) * gradient
        self._second = two * self._second + (1 - two) * gradient.square()
        root = (self._second / (1 - two**self._count)).sqrt()
        return self._first / (1 - one**self._count) / (root + 1e-8)


def _norm(tensor: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
    return lengths.clamp_min(1e-12)
