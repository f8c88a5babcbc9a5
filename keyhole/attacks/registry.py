"""Every attack by name, with what it may know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from keyhole.attacks.features.guided import CLOSING, Guidance
from keyhole.attacks.features.ladder import Ladder
from keyhole.attacks.features.optimiser_settings import DENOISED, LATENT, NOISE, PAPER, REFINING, SEED, STRONG
from keyhole.attacks.features.recipes import BlackWay, GuidedWay, RefinedWay, SeededWay, Way
from keyhole.attacks.features.training import (
    DEFAULT_TRAINING,
    DENOISED_TRAINING,
    LATENT_TRAINING,
    NOISE_TRAINING,
    ONE_STEP_TRAINING,
    PAPER_TRAINING,
)
from keyhole.attacks.kinds import Black, Kind, White
from keyhole.attacks.knowledge import Known, WhiteBox
from keyhole.generators.decoder import Decoder
from keyhole.generators.denoised import Denoised
from keyhole.generators.diffusion import Diffusion
from keyhole.generators.pixels import Pixels, SpectralPixels
from keyhole.generators.white_latents import WhiteLatents
from keyhole.service.errors import unknown_name


def _pixels(known: Known, _steps: int) -> Pixels:
    return Pixels(known.size)


def _spectral(known: Known, _steps: int = 0) -> SpectralPixels:
    return SpectralPixels(known.size, device=known.device)


def _decoder(known: Known, _steps: int) -> Decoder:
    return Decoder(known.prior().autoencoder, known.size)


def _decoder_on_grid(known: Known, _steps: int) -> Decoder:
    """For latents that a U-Net works on later."""
    return Decoder(known.prior().autoencoder, known.size, known.prior().denoiser.multiple)


def _white_latents(known: WhiteBox, multiple: int = 1) -> WhiteLatents:
    return WhiteLatents(Decoder(known.prior().autoencoder, known.size, multiple), known.public, known.device)


def _white_noisy_latents(known: WhiteBox) -> WhiteLatents:
    """On a grid that the U-Net can take."""
    return _white_latents(known, known.prior().denoiser.multiple)


def _diffusion(known: Known, steps: int) -> Diffusion:
    return Diffusion(known.prior(), known.size, steps)


def _denoised(known: Known, steps: int) -> Denoised:
    return Denoised(known.prior(), known.size, steps)


_LEARNED = BlackWay(LATENT_TRAINING, _decoder)
_ONE_STEP = BlackWay(ONE_STEP_TRAINING, _decoder)
_LEARNED_ON_GRID = replace(_LEARNED, generator=_decoder_on_grid)
_LEARNED_NOISY = BlackWay(DENOISED_TRAINING, _denoised, samples=True)
_REFINED = RefinedWay(_LEARNED, REFINING, _white_latents)
_DENOISED = RefinedWay(_LEARNED_NOISY, replace(REFINING, weight=DENOISED.weight), _white_noisy_latents, denoised=True)

ATTACKS: Mapping[str, Kind] = MappingProxyType(
    {
        "pixels-white": White({"strong": Way(STRONG, _spectral), "paper": Way(PAPER, _pixels)}),
        "decoder-white": White(
            {
                "strong": SeededWay(SEED, _spectral, LATENT, _white_latents),
                "paper": Way(PAPER, _decoder),
                "refined": _REFINED,
            },
            uses_prior=True,
        ),
        "diffusion-white": White(
            {
                "strong": SeededWay(SEED, _spectral, DENOISED, _white_noisy_latents, denoised=True),
                "noise": Way(NOISE, _diffusion, samples=True),
                "paper": Way(PAPER, _diffusion, samples=True),
                "guided": GuidedWay(Guidance()),
                "refined": _DENOISED,
                "refined-guided": replace(
                    _REFINED, first=_LEARNED_ON_GRID, generator=_white_noisy_latents, last=GuidedWay(CLOSING)
                ),
            },
            uses_prior=True,
            denoises=True,
        ),
        "pixels-black": Black(
            {"strong": BlackWay(DEFAULT_TRAINING, _pixels), "paper": BlackWay(PAPER_TRAINING, _pixels)}
        ),
        "decoder-black": Black(
            {"strong": _LEARNED, "paper": BlackWay(PAPER_TRAINING, _decoder), "one-step": _ONE_STEP},
            uses_prior=True,
        ),
        "diffusion-black": Black(
            {
                "strong": _LEARNED_NOISY,
                "noise": BlackWay(NOISE_TRAINING, _diffusion, samples=True),
                "paper": BlackWay(PAPER_TRAINING, _diffusion, samples=True),
            },
            uses_prior=True,
            denoises=True,
        ),
    }
)


LADDERS: Mapping[str, Ladder] = MappingProxyType(
    {
        "decoder-ladder": Ladder({"strong": _REFINED, "one-step": replace(_REFINED, first=_ONE_STEP)}),
        "diffusion-ladder": Ladder(
            {
                "strong": replace(_DENOISED, first=_LEARNED_ON_GRID),
                "one-step": replace(_DENOISED, first=replace(_ONE_STEP, generator=_decoder_on_grid)),
            },
            denoises=True,
        ),
    }
)
"""For frames that come while they run; offline their rungs are ``decoder-black`` and the white boxes' ``refined``.
Frames come from the start, when the network has hardly learned: one for the decoder alone is good sooner than one that
learns through a U-Net."""

Online = Kind | Ladder
ONLINE: Mapping[str, Online] = MappingProxyType({**ATTACKS, **LADDERS})
"""All that the adversary's process can run."""


def attack_named(name: str) -> Kind:
    """The attack of that name.

    Raises:
        UsageError: unknown; the message lists the nearest.
    """
    if name not in ATTACKS:
        raise unknown_name("attack", name, ATTACKS)
    return ATTACKS[name]
