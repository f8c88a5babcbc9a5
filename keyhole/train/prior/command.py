"""``keyhole train prior --kind diffusion``: from pictures to a diffusers directory with a card."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from accelerate import Accelerator
from accelerate.utils import set_seed
from rich.console import Console
from torch import Tensor, nn

from keyhole.priors.folder import prior_folder, shipped_priors
from keyhole.priors.text import TextEncoder
from keyhole.service.errors import UsageError
from keyhole.service.files import TRAINING, alone
from keyhole.targets.stored_weights import this_command
from keyhole.terminal import terminal
from keyhole.train.loop import run_plan
from keyhole.train.optimisation import Optimisation
from keyhole.train.prior.autoencoder import (
    LatentStatistics,
    PriorAutoencoder,
    as_stored,
    encoded,
    new_network,
    open_autoencoder,
)
from keyhole.train.prior.card import PriorCard, write_prior_card
from keyhole.train.prior.diffusion import DiffusionTraining, denoising_loss, new_unet, save_diffusion
from keyhole.train.prior.figures import ceiling, denoising, reconstruction_sheet, sample_sheet
from keyhole.train.prior.pictures import captioned, count_weights, facts_of, learned_from, measured_on, recipe_of
from keyhole.train.prior.reconstruction import ReconstructionTraining, Reconstructor
from keyhole.train.prior.settings import PriorSettings
from keyhole.train.prior.told_diffusion import Descriptions, ToldDiffusionTraining

_CLIP = 1.0
_DECAY = 0.01
_EMA = 0.998


def prior(settings: PriorSettings) -> int:
    """Train both stages, store them, measure what is stored, write the card; return the exit code.

    Raises:
        FileNotFoundError: no data there.
        UsageError: no such autoencoder, or sides that do not divide.
        ValueError: damaged data.
    """
    console, work = terminal(), settings.out / "training"
    given = given_autoencoder(settings)
    check_sides(settings, given)
    with alone(settings.out, TRAINING):
        work.mkdir(exist_ok=True)
        pictures, audit, descriptions = _read(settings, work, console)
        console.print(f"{len(pictures)} pictures of {settings.data}, pool {settings.pool}, {settings.size} px")

        autoencoder = given or autoencoder_of(settings, pictures, audit)
        autoencoder.network.to(Accelerator(mixed_precision=settings.precision).device)
        own = encoded(autoencoder, pictures, work / "latents.safetensors")
        own_audit = autoencoder.encode(audit)
        scale = LatentStatistics.of(own)
        autoencoder.save(settings.out / "vae", scale.facts)
        latents, latents_audit = scale.normalised(own), scale.normalised(own_audit)

        look = sample_sheet(autoencoder, scale, audit, latents_audit, settings.seed, settings.out)
        unet = save_diffusion(_unet(settings, latents, look, descriptions), settings.out)
        look(unet)
        figures = ceiling(autoencoder, own_audit, audit) | denoising(unet, latents, latents_audit, settings.seed)
        if descriptions:
            descriptions.save(settings.out)
            texts = descriptions.embedded(descriptions.audit)
            figures["denoising_loss_told"] = denoising_loss(unet, latents_audit, settings.seed, texts=texts)
        kind = type(autoencoder.network).__name__
        card = PriorCard(
            name=settings.out.name,
            data=f"{settings.data}, pool {settings.pool}: {len(pictures)} pictures at {settings.size} px",
            autoencoder=kind if given is None else f"{kind}, given as {settings.autoencoder}",
            licence=settings.licence,
            recipe=recipe_of(settings),
            seed=settings.seed,
            figures={name: round(value, 4) for name, value in figures.items()},
            parameters={"autoencoder": count_weights(autoencoder.network), "unet": count_weights(unet)},
            command=this_command(),
            size=settings.size,
            latent=tuple(latents.shape[1:]),
        )
        write_prior_card(card, settings.out)
        console.print(dict(card.figures))
        console.print(f"the prior is in {settings.out}; PSNR and SSIM are the ceiling of what decodes through it")
        return 0


def _read(settings: PriorSettings, folder: Path, console: Console) -> tuple[Tensor, Tensor, Descriptions | None]:
    """Pictures to learn from and of the pool ``audit``, and their captions where the U-Net is told those."""
    if settings.text is None:
        return learned_from(settings, folder, console), measured_on(settings, folder, console), None
    encoder = TextEncoder.load(settings.text)
    pictures, own = captioned(settings, settings.pool, settings.pictures, folder, console)
    audit, theirs = captioned(settings, "audit", settings.audit, folder, console)
    return pictures, audit, Descriptions(settings.text, encoder, own, theirs)


def given_autoencoder(settings: PriorSettings) -> PriorAutoencoder | None:
    """The finished autoencoder that the flags name; None: one is to be trained.

    Raises:
        UsageError: none there.
    """
    given = settings.autoencoder
    if given is None:
        return None
    return open_autoencoder(prior_folder(str(given)) if str(given) in shipped_priors() else given)


def autoencoder_of(settings: PriorSettings, pictures: Tensor, audit: Tensor) -> PriorAutoencoder:
    """An autoencoder that has learnt from pictures, uint8 N×3×H×W, and draws audit ones on the way."""
    set_seed(settings.seed)
    training = ReconstructionTraining(
        new_network(settings.latent_channels, settings.widths, settings.blocks),
        pictures,
        steps=settings.steps,
        halved=round(settings.halved * settings.steps),
        batch=settings.batch,
        every=settings.every,
        optimisation=optimisation_of(settings, settings.learning_rate),
        look=reconstruction_sheet(audit, settings.out),
    )
    training.facts = facts_of(settings, "autoencoder")
    trained = cast(Reconstructor, run_plan(training, settings.out / "training" / "autoencoder"))
    return as_stored(trained.network)


def _unet(
    settings: PriorSettings, latents: Tensor, look: Callable[[nn.Module], str], descriptions: Descriptions | None
) -> nn.Module:
    set_seed(settings.seed)
    width = descriptions.width if descriptions else None
    network = new_unet(latents.shape[1], latents.shape[2], settings.unet_widths, text_width=width)
    kind = (
        partial(ToldDiffusionTraining, descriptions=descriptions, dropout=settings.text_dropout)
        if descriptions
        else DiffusionTraining
    )
    training = kind(
        network,
        latents,
        steps=settings.unet_steps,
        batch=settings.unet_batch,
        every=settings.every,
        optimisation=optimisation_of(settings, settings.unet_learning_rate, ema=_EMA),
        look=look,
    )
    training.facts = facts_of(settings, "unet")
    return run_plan(training, settings.out / "training" / "unet")


def optimisation_of(settings: PriorSettings, learning_rate: float, ema: float | None = None) -> Optimisation:
    """Optimisation of either half of a prior."""
    return Optimisation(learning_rate, _DECAY, ema=ema, clip=_CLIP, seed=settings.seed, precision=settings.precision)


def check_sides(settings: PriorSettings, given: PriorAutoencoder | None) -> None:
    """Refuse pictures that do not halve as often as the networks halve them.

    Raises:
        UsageError: says what the side must be a multiple of.
    """
    factor = given.factor if given else 2 ** len(settings.widths)
    halvings = len(settings.unet_widths) - 1
    multiple = factor * 2 ** max(halvings, int(given is None and settings.halved > 0))
    if settings.size % multiple:
        raise UsageError(
            f"--size {settings.size}: the autoencoder makes latents of 1/{factor} of a side, and the U-Net halves them "
            f"{halvings} times: expected a multiple of {multiple}"
        )
