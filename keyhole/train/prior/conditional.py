"""``keyhole train prior --kind cdm``: Diff-MI's conditional diffusion model, from pictures to a folder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from keyhole.attacks.classes.base import ClassWhiteBox
from keyhole.attacks.classes.losses import loss_named
from keyhole.priors.conditional import ConditionalDenoiser, ConditionalSampler, save_modules
from keyhole.priors.schedule import Schedule, read_schedule
from keyhole.priors.trained import GeneratorCard
from keyhole.service.files import TRAINING, alone
from keyhole.targets.stored_weights import this_command
from keyhole.targets.target import Target
from keyhole.terminal import terminal
from keyhole.train.loop import run_plan
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.autoencoder import LatentStatistics, PriorAutoencoder, encoded
from keyhole.train.prior.card import write_generator_card
from keyhole.train.prior.command import autoencoder_of, check_sides, given_autoencoder, optimisation_of
from keyhole.train.prior.diffusion import SAMPLING_STEPS, denoising_loss, new_scheduler, new_unet, save_diffusion
from keyhole.train.prior.figures import COLUMNS, ceiling, write_sheet
from keyhole.train.prior.labelled_diffusion import LabelledDiffusionTraining
from keyhole.train.prior.pictures import count_weights, facts_of, learned_from, measured_on, recipe_of
from keyhole.train.prior.pseudo_labels import first_of_each, pseudo_labels
from keyhole.train.prior.settings import PriorSettings
from keyhole.train.prior.target import known_target, opened_target, share_liked
from keyhole.train.prior.tuning import (
    LABELS,
    Tuned,
    TuningTraining,
    layers_of_the_middle,
    most_changed,
    relative_changes,
    unused,
)

_EMA = 0.999
_SAMPLED = 64


def conditional(settings: PriorSettings) -> int:
    """Train the autoencoder unless one is given, the U-Net on pseudo-labels, and fine-tune it; store them, measure what
    is stored, write the card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: no such target, autoencoder or loss, or sides that do not divide.
        ValueError: damaged data.
    """
    console, work = terminal(), settings.out / "training"
    given = given_autoencoder(settings)
    check_sides(settings, given)
    loss_named(settings.tuning_loss, "--tuning-loss")
    with alone(settings.out, TRAINING):
        work.mkdir(exist_ok=True)
        target = opened_target(settings)
        pictures, audit = (take(settings, work, console) for take in (learned_from, measured_on))
        console.print(f"{len(pictures)} pictures of {settings.data}, pool {settings.pool}, {settings.size} px")
        device = Accelerator(mixed_precision=settings.precision).device
        known = known_target(target, pictures, device)
        pairs = pseudo_labels(known, settings.top_n, settings.liked_by)
        console.print(
            f"{len(pairs)} pseudo-labels on {len(set(pairs[:, 0].tolist()))} of them, {known.classes} classes"
        )

        autoencoder = given or autoencoder_of(settings, pictures, audit)
        autoencoder.network.to(device)
        own, own_audit = encoded(autoencoder, pictures, work / "latents.safetensors"), autoencoder.encode(audit)
        scale = LatentStatistics.of(own)
        autoencoder.save(settings.out / "vae", scale.facts)
        latents, latents_audit = scale.normalised(own), scale.normalised(own_audit)

        look = ConditionalLook(settings, pictures, pairs, latents_audit, autoencoder, scale, known)
        pretrained = _pretrained(settings, target, latents, pairs, look)
        liked = look.liked(pretrained)
        network, changes = _tuned(settings, target, pretrained, look)
        save_modules(pretrained, (LABELS, *changes) if changes else (), settings.out)
        unet = save_diffusion(network, settings.out)
        look(unet)
        places, labels = pairs.T
        shown = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(settings.seed))[: len(audit)]
        figures = {
            **ceiling(autoencoder, own_audit, audit),
            "denoising_loss": look.loss(unet),
            "denoising_loss_labelled": denoising_loss(
                unet, latents[places[shown]], settings.seed, labels=labels[shown]
            ),
            "liked_before_tuning": liked,
            "liked": look.liked(unet),
        }
        write_generator_card(_card(settings, target, autoencoder, unet, latents, changes, figures), settings.out)
        console.print({name: round(value, 4) for name, value in figures.items()})
        console.print(f"the generator is in {settings.out}: keyhole invert --generators {settings.out}", soft_wrap=True)
        return 0


@dataclass(frozen=True)
class ConditionalLook:
    """Looks at a conditional diffusion model in training: draws of some classes the public picture that the target
    likes best, and two samples.

    Attributes:
        settings: of the training.
        pictures: public ones, uint8 N×3×H×W.
        pairs: pseudo-labels.
        audit: latents of pictures that are not learned from.
        autoencoder: finished.
        scale: of its latents.
        known: the target.
    """

    settings: PriorSettings
    pictures: Tensor
    pairs: Tensor
    audit: Tensor
    autoencoder: PriorAutoencoder
    scale: LatentStatistics
    known: ClassWhiteBox

    def __call__(self, network: nn.Module) -> str:
        """The loss without a label in a few words; the sheet is drawn."""
        first = self.pictures[first_of_each(self.pairs)[:COLUMNS]] / 255
        labels = torch.arange(len(first)).repeat(2)
        made = torch.split(self.made(network, labels), len(first))
        write_sheet(self.settings.out, first, *made)
        return f"{self.loss(network):.4f} without label on {len(self.audit)} audit latents"

    def loss(self, network: nn.Module) -> float:
        """Mean squared error of velocities of the audit latents, without label."""
        none = torch.full((len(self.audit),), self.known.classes)
        return denoising_loss(network, self.audit, self.settings.seed, labels=none)

    def liked(self, network: nn.Module) -> float:
        """Share of samples that the target takes for their class."""
        labels = torch.arange(_SAMPLED) % self.known.classes
        return share_liked(self.known, self.made(network, labels), labels)

    @torch.no_grad()
    def made(self, network: nn.Module, labels: Tensor) -> Tensor:
        """Samples of labels, N×3×H×W, of the same noise every time."""
        network.eval()
        device = next(network.parameters()).device
        schedule = schedule_of()
        denoiser = ConditionalDenoiser(network, schedule, self.known.classes)
        sampler = ConditionalSampler(denoiser, schedule.steps(SAMPLING_STEPS), self.settings.tuning_guidance)
        random = torch.Generator().manual_seed(self.settings.seed)
        noise = torch.randn(len(labels), *self.audit.shape[1:], generator=random)
        return self.autoencoder.decode(self.scale.own(sampler(noise.to(device), labels.to(device)).cpu()))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of latents, differentiably."""
        scale = LatentStatistics(*(each.to(latents.device) for each in (self.scale.mean, self.scale.deviation)))
        return self.autoencoder.to_picture(scale.own(latents))


def schedule_of() -> Schedule:
    """The noise schedule of the training, as attacks read it."""
    scheduler: Any = new_scheduler()
    return read_schedule(dict(scheduler.config))


def _pretrained(
    settings: PriorSettings, target: Target, latents: Tensor, pairs: Tensor, look: ConditionalLook
) -> nn.Module:
    classes = look.known.classes
    set_seed(settings.seed)
    training = LabelledDiffusionTraining(
        new_unet(latents.shape[1], latents.shape[2], settings.unet_widths, classes + 1),
        latents,
        pairs,
        none=classes,
        null_label=settings.null_label,
        steps=settings.unet_steps,
        batch=settings.unet_batch,
        every=settings.every,
        optimisation=optimisation_of(settings, settings.unet_learning_rate, ema=_EMA),
        look=look,
    )
    training.facts = facts_of(settings, "unet", target.hash)
    return run_plan(training, settings.out / "training" / "unet")


def _tuned(
    settings: PriorSettings, target: Target, pretrained: nn.Module, look: ConditionalLook
) -> tuple[nn.Module, dict[str, float]]:
    """The fine-tuned U-Net, and the relative change in the first pass of each layer that was chosen by it."""
    if not settings.tuning_steps:
        return pretrained, {}
    schedule = schedule_of()
    tuned = Tuned(
        schedule,
        look.known.classes,
        tuple(look.audit.shape[1:]),
        look.decode,
        look.known.classify,
        loss_named(settings.tuning_loss).ready(look.known),
        settings.tuning_sampler,
        settings.tuning_decoded,
        settings.tuning_guidance,
    )
    layers = layers_of_the_middle(pretrained)

    def passed(name: str, trainable: tuple[str, ...], steps: int, look: Any) -> nn.Module:
        set_seed(settings.seed)
        plan = TuningTraining(
            deepcopy(pretrained),
            (LABELS, *trainable),
            tuned,
            steps=steps,
            batch=settings.tuning_batch,
            every=settings.every,
            optimisation=Optimisation(settings.tuning_learning_rate, seed=settings.seed, precision=settings.precision),
            look=look,
        )
        plan.facts = facts_of(settings, "tuning", target.hash)
        return run_plan(plan, settings.out / "training" / name)

    changes = relative_changes(pretrained, passed("survey", layers, settings.tuning_survey, unused), layers)
    chosen = most_changed(changes, settings.tuning_layers)
    return passed("tuning", chosen, settings.tuning_steps, look), {name: changes[name] for name in chosen}


def _card(
    settings: PriorSettings,
    target: Target,
    autoencoder: PriorAutoencoder,
    unet: nn.Module,
    latents: Tensor,
    changes: dict[str, float],
    figures: dict[str, float],
) -> GeneratorCard:
    return GeneratorCard(
        name=settings.out.name,
        kind="cdm",
        data=f"{settings.data}, pool {settings.pool}",
        licence=settings.licence,
        recipe=recipe_of(settings),
        seed=settings.seed,
        figures={name: round(value, 4) for name, value in figures.items()},
        network={"autoencoder": type(autoencoder.network).__name__, "unet_widths": list(settings.unet_widths)},
        parameters={"autoencoder": count_weights(autoencoder.network), "unet": count_weights(unet)},
        command=this_command(),
        size=settings.size,
        latent=tuple(latents.shape[1:]),
        classes=target.outputs,
        target=target.name,
        target_hash=target.hash,
        tuned={name: round(change, 6) for name, change in changes.items()},
    )
