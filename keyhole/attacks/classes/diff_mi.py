"""`diff-mi`: iterative reconstruction with a diffusion model of the classifier's own labels, then targeted PGD
(Li et al. 2024, "Model Inversion Attacks Through Target-Specific Conditional Diffusion Models")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate
from keyhole.attacks.classes.base import ClassWhiteBox, Wanted
from keyhole.attacks.classes.entry import ClassRun, SearchRecipe
from keyhole.attacks.classes.iterative import GradientLeash, LatentPictures, PriorTerm
from keyhole.attacks.classes.losses import LossFunction
from keyhole.attacks.classes.pgd import Pgd, descend
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import ClassSearch, ClassTerm, Optimiser, SearchObjective
from keyhole.attacks.classes.views import ITERATIVE, AugmentedViews
from keyhole.priors.conditional import ConditionalPrior, ConditionalSampler, load_conditional

ADAMAX, TOUCH = Optimiser("adamax", 1.0), Pgd()


@dataclass(frozen=True)
class DiffMiSettings:
    """Hyper-parameters, as Diff-MI's code has them where the paper leaves them open.

    Attributes:
        loss: of the class, Eq. 9: the margin over the k strongest others, and α = 1 of p-reg.
        views: that the classifier sees in the iterations.
        iterations: N, 30.
        optimiser: of the latent, one for both steps of an iteration. The rate 1.0 is that of pixels within ± 1 in the
            code, and of latents of deviation 1 here.
        guidance: w of the prior's answers.
        ratio: longest gradient of the class, in lengths of the prior's.
        renoised: t that the result is noised to before it is sampled to its end; 0: it stays as it is.
        steps: of that sampler, with as much new noise as DDPM adds.
        pgd: the last touch; None: none.
        tuned: whether the diffusion model is the fine-tuned one.
    """

    loss: str = "top-k:p-reg=1"
    views: AugmentedViews = ITERATIVE
    iterations: int = 30
    optimiser: Optimiser = ADAMAX
    guidance: float = 3.0
    ratio: float = 1.25
    renoised: int = 150
    steps: int = 15
    pgd: Pgd | None = TOUCH
    tuned: bool = True


SETTINGS = DiffMiSettings()


@dataclass(frozen=True)
class DiffMi:
    """The attack, ready.

    Attributes:
        known: the classifier.
        prior: the conditional diffusion model.
        loss: of the class.
        settings: hyper-parameters.
        run: budget, seed and watch; its iterations are N.
    """

    known: ClassWhiteBox
    prior: ConditionalPrior
    loss: LossFunction
    settings: DiffMiSettings
    run: ClassRun

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        started = self.run.watch.clock()
        for found in self.search().optimise(wanted):
            if not found.estimate.final:
                yield found.estimate
        pictures = self._sampled(found.variable, wanted)
        touch = self.settings.pgd
        if touch:
            pictures = descend(pictures, wanted, self.known, touch, self.run)
        last = found.estimate
        steps = last.iteration + (touch.iterations if touch else 0)
        yield replace(
            last,
            pictures=pictures.cpu(),
            iteration=steps,
            seconds=self.run.watch.clock() - started,
            passes=self._passes,
        )

    def search(self) -> ClassSearch:
        """Eq. 4: a step by the prior, then one by the class, both with one Adamax."""
        settings, iterations = self.settings, self.run.budget.iterations
        leash = GradientLeash(settings.ratio)
        return ClassSearch(
            LatentPictures(self.prior),
            [
                SearchObjective(
                    [PriorTerm(self.prior, iterations, settings.guidance)], settings.optimiser, turned=leash.follow
                ),
                SearchObjective(
                    [ClassTerm(self.known.classify, self.loss, settings.views)],
                    settings.optimiser,
                    turned=leash.hold,
                ),
            ],
            self.run,
            one_optimiser=True,
            device=self.known.device,
        )

    @torch.no_grad()
    def _sampled(self, latents: Tensor, wanted: Wanted) -> Tensor:
        """Pictures of latents that were noised a little and sampled to their end, as the code does before PGD."""
        settings, denoiser = self.settings, self.prior.denoiser
        labels, random = wanted.labels.to(latents.device), PictureRandom(wanted, self.run.seed, "end")
        if settings.renoised:
            schedule = denoiser.schedule
            steps = schedule.steps_from(settings.renoised / (len(schedule.alphas_cumprod) - 1), settings.steps)
            alpha = steps[0].alpha

            def drawn() -> Tensor:
                return random.normal(*latents.shape[1:]).to(latents.device)

            noisy = alpha**0.5 * latents + (1 - alpha) ** 0.5 * drawn()
            latents = ConditionalSampler(denoiser, steps, settings.guidance, eta=1.0)(noisy, labels, drawn)
        return self.prior.autoencoder.decode(latents).clamp(0, 1)

    @property
    def _passes(self) -> int:
        """U-Net passes of a picture."""
        each = 1 if self.settings.guidance == 1 else 2
        return each * (self.run.budget.iterations + (self.settings.steps if self.settings.renoised else 0))


@dataclass(frozen=True)
class DiffMiRecipe(SearchRecipe):
    """Diff-MI through a generator of kind ``cdm``.

    Attributes:
        settings: hyper-parameters.
    """

    settings: DiffMiSettings = SETTINGS

    @property
    def generator(self) -> str:
        """A conditional diffusion model."""
        return "cdm"

    def make(self, known: ClassWhiteBox, run: ClassRun) -> DiffMi:
        """The attack, its diffusion model loaded."""
        folder = known.generators(self.generator)
        prior = load_conditional(folder, known.device, tuned=self.settings.tuned)
        prior.card.check_fits(known.classes, known.size, folder)
        return DiffMi(known, prior, self.ready_loss(known, run), self.settings, run)


RECIPES: Mapping[str, DiffMiRecipe] = MappingProxyType(
    {
        "strong": DiffMiRecipe(),
        "no-tuning": DiffMiRecipe(replace(SETTINGS, tuned=False)),
        "no-pgd": DiffMiRecipe(replace(SETTINGS, pgd=None)),
        "ce": DiffMiRecipe(replace(SETTINGS, loss="ce")),
        "max-margin": DiffMiRecipe(replace(SETTINGS, loss="max-margin")),
    }
)
"""By name: the whole attack, then without one of its parts each, as Table X has them. The losses are those of the
reconstruction; the diffusion model's fine-tuning keeps its own."""
