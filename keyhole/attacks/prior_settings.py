"""Flags of what an attacker knows of pictures, live and offline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AttackPriorSettings:
    """What decoder and diffusion attacks work with."""

    prior: str = "streetcam"
    """What decoder and diffusion attacks know of pictures: the shipped prior streetcam, a diffusers directory (vae/,
    unet/, scheduler/), owner/name on the Hugging Face hub, or package.module:Class of your own."""
    text: tuple[str, ...] = ()
    """What the frames show, in a few words ("a red van on a snow field"), which the diffusion model of diffusion-white
    and diffusion-black is told at every step. It takes a prior with a text encoder, and diffusion-black --public
    pictures with captions: it trains on queries that are each told their own. Recipe noise also holds the noise near a
    Gaussian; paper does as Eq. 8 is printed, which drives it away from one. Of several texts ("a red van" "a blue bus")
    each is tried, and for each picture that one kept which explains its features best: by the head, or by the oracle's
    answers about what was made, questions that --queries neither counts nor limits."""
    sampling_steps: int | None = None
    """Steps of a diffusion's sampler. Absent: the recipe's; 1 for diffusion-black, 4 for noise, 20 for paper, 50 for
    guided."""
