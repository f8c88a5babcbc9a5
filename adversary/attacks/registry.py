"""Every attack by name, with what it may know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adversary.attacks.black_box import Inverter
from adversary.attacks.kinds import Black, Kind, Terms, Way, White
from adversary.attacks.recipe import LATENT, NOISE, PAPER, STRONG
from adversary.generators.decoder import Decoder
from adversary.generators.diffusion import Diffusion
from adversary.generators.pixels import Pixels, SpectralPixels
from adversary.knowledge import BlackBox, WhiteBox
from keyhole.service.errors import unknown_name


def _pixels(known: WhiteBox, _steps: int) -> Pixels:
    return Pixels(known.size)


def _spectral(known: WhiteBox, _steps: int) -> SpectralPixels:
    return SpectralPixels(known.size)


def _decoder(known: WhiteBox, _steps: int) -> Decoder:
    return Decoder(known.prior().autoencoder, known.size)


def _diffusion(known: WhiteBox, steps: int) -> Diffusion:
    return Diffusion(known.prior(), known.size, steps)


def _inverter(known: BlackBox, terms: Terms) -> Inverter:
    """The mirror inversion network."""
    return Inverter(known, seed=terms.seed, steps=terms.training, stepped=terms.stepped, threads=terms.threads)


ATTACKS: Mapping[str, Kind] = MappingProxyType(
    {
        "pixels-white": White({"strong": Way(STRONG, _spectral), "paper": Way(PAPER, _pixels)}),
        "decoder-white": White({"strong": Way(LATENT, _decoder), "paper": Way(PAPER, _decoder)}, uses_prior=True),
        "diffusion-white": White({"strong": Way(NOISE, _diffusion), "paper": Way(PAPER, _diffusion)}, uses_prior=True),
        "pixels-black": Black(_inverter),
    }
)


def attack_named(name: str) -> Kind:
    """The attack of that name.

    Raises:
        UsageError: unknown; the message lists the nearest.
    """
    if name not in ATTACKS:
        raise unknown_name("attack", name, ATTACKS)
    return ATTACKS[name]
