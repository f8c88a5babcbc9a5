"""`guided`: a diffusion prior samples while the classifier's loss bends each step. It trains nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import ClassRun, WhiteBoxClassRecipe
from keyhole.attacks.classes.losses import LossFunction
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.views import PLAIN, AugmentedViews
from keyhole.attacks.features.guided import Smoothed, clipped, guided_step, renoised
from keyhole.generators.diffusion import Diffusion
from keyhole.priors.schedule import DdimStep, Prediction


@dataclass(frozen=True)
class ClassGuidance:
    """How the sampler is guided: by the gradient of the loss of the clean estimate about the noisy latent, as in
    diffusion posterior sampling (Chung et al. 2023), with the step of `keyhole.attacks.features.guided`, which looks at
    the gradient's direction alone.

    Attributes:
        loss: see `keyhole.attacks.classes.losses.loss_named`.
        steps: of the sampler.
        recurrences: times that each step is made, re-noising one step in between.
        rate: share of the guidance in the noise of a step.
        clip: longest gradient.
        views: that the classifier sees.
    """

    loss: str = "top-k:p-reg=1"
    steps: int = 50
    recurrences: int = 2
    rate: float = 0.3
    clip: float = 1.0
    views: AugmentedViews = PLAIN


@dataclass(frozen=True)
class ClassGuided:
    """Guided sampling of pictures of classes.

    Attributes:
        known: the classifier.
        generator: prior, size and number of steps.
        loss: that is to fall.
        guidance: the hyper-parameters; its steps give way to the generator's.
        run: budget, seed and watch; an iteration is a U-Net pass. Fewer than the recipe's make fewer recurrences.
    """

    known: ClassWhiteBox
    generator: Diffusion
    loss: LossFunction
    guidance: ClassGuidance
    run: ClassRun

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        watch, device = self.run.watch, self.known.device
        random = PictureRandom(wanted, self.run.seed, "guided")
        smoothed, labels = Smoothed(), wanted.labels.to(device)
        shape = self.generator.decoder.shape
        latents = random.normal(*shape).to(device)
        done, loss = 0, 0.0
        started = reported = watch.clock()
        for step, rounds in self._plan():
            for turn in range(rounds):
                predicted, pictures, losses, gradient = self._look(latents, step, labels, random)
                direction = smoothed(clipped(gradient, self.guidance.clip))
                ahead = guided_step(predicted, step, random.normal(*shape).to(device), direction, self.guidance.rate)
                done, loss, now = done + 1, float(losses.mean()), watch.clock()
                watch.noted(loss)
                watch.stepped()
                over = now - started >= self.run.budget.seconds
                if over or now - reported >= watch.interval:
                    yield Estimate(pictures.clamp(0, 1).cpu(), done, now - started, loss, over, done)
                    reported = now
                if over:
                    return
                if turn + 1 < rounds:
                    latents = renoised(ahead, step, random.normal(*shape).to(device))
            latents = ahead
        with torch.no_grad():
            pictures = self.generator.decode(latents).clamp(0, 1).cpu()
        yield Estimate(pictures, done, watch.clock() - started, loss, True, done)

    def _look(
        self, latents: Tensor, step: DdimStep, labels: Tensor, random: PictureRandom
    ) -> tuple[Prediction, Tensor, Tensor, Tensor]:
        """Prediction at a step, pictures of its clean latents, their losses, gradient of those about the latents."""
        latents = latents.detach().requires_grad_(True)
        predicted = self.generator.prior.denoiser.predict(latents, step.timestep)
        pictures = self.generator.decode(predicted.clean)
        views = self.guidance.views(pictures, random)
        losses = torch.stack([self.loss(self.known.classify(view), labels) for view in views]).mean(dim=0)
        (gradient,) = torch.autograd.grad(losses.sum(), latents)
        clean = Prediction(predicted.clean.detach(), predicted.noise.detach())
        return clean, pictures.detach(), losses.detach(), gradient

    def _plan(self) -> list[tuple[DdimStep, int]]:
        """Steps, and how often each is made; every step is made once at least."""
        steps = self.generator.plan
        allowed = max(len(steps), min(self.run.budget.iterations, len(steps) * self.guidance.recurrences))
        each, more = divmod(allowed, len(steps))
        return [(step, each + (at < more)) for at, step in enumerate(steps)]


@dataclass(frozen=True)
class ClassGuidedRecipe(WhiteBoxClassRecipe):
    """Guide a sampler by the classifier."""

    guidance: ClassGuidance = ClassGuidance()

    @property
    def uses_prior(self) -> bool:
        """True."""
        return True

    @property
    def iterations(self) -> int:
        """U-Net passes."""
        return self.guidance.steps * self.guidance.recurrences

    @property
    def loss(self) -> str:
        """That guides."""
        return self.guidance.loss

    def make(self, known: ClassWhiteBox, run: ClassRun) -> ClassGuided:
        """The sampler."""
        loss = self.ready_loss(known, run)
        generator = Diffusion(known.prior(), known.size, run.sampling_steps or self.guidance.steps)
        return ClassGuided(known, generator, loss, self.guidance, run)
