"""Attacks on clips: those of the registry, with recipes that take the frames of a clip together besides their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from keyhole.attacks.entry import AttackEntry, OnlineRecipe, Recipe
from keyhole.attacks.features.alignment import AlongMotion
from keyhole.attacks.features.clip_training import ClipTrainedRecipe, apart
from keyhole.attacks.features.coupling import ClipMean, Coupling
from keyhole.attacks.features.objective import DENOISED, LATENT, PAPER, SEED, STRONG
from keyhole.attacks.features.seeded import SeededRecipe
from keyhole.attacks.features.training import DEFAULT_TRAINING, DENOISED_TRAINING, LATENT_TRAINING, PAPER_TRAINING
from keyhole.attacks.features.variables import (
    decoder,
    denoised,
    diffusion,
    pixels,
    spectral,
    white_latents,
    white_noisy_latents,
)
from keyhole.attacks.features.white_box import OptimisedRecipe
from keyhole.attacks.registry import ATTACKS, ONLINE, ChosenAttack, R_co, choose_all
from keyhole.service.errors import UsageError

ALGORITHM_2 = replace(PAPER, sampling_steps=10, coupling=partial(ClipMean, weight=5.0))
"""Algorithm 2 as §6.6 of the feature-inversion paper runs it, whatever the generator."""

DRAWN = partial(ClipMean, weight=100.0, averaged=True)
"""The same term beside a logarithm of the distance and for white variables, as recipe `strong` has them. Its weight was
chosen for pixels, on five clips of streetcam at 64 px cut at `layer3`: with a thirtieth of it, as with thirty times as
much, the frames are hardly better than by themselves."""
ALIGNED = partial(AlongMotion, weight=30.0)
"""Frames tied along their motion, ours, from pixels that have to take shape first."""
ALIGNED_AT_ONCE = partial(AlongMotion, weight=30.0, first=0.0)
"""The same, from a latent whose picture is there already."""


def _pixels(coupling: Coupling) -> OptimisedRecipe:
    return OptimisedRecipe(replace(STRONG, coupling=coupling), spectral)


def _decoder(pixels_coupling: Coupling, coupling: Coupling) -> SeededRecipe:
    first, second = replace(SEED, coupling=pixels_coupling), replace(LATENT, coupling=coupling)
    return SeededRecipe(first, spectral, second, white_latents)


def _diffusion(pixels_coupling: Coupling, coupling: Coupling) -> SeededRecipe:
    first, second = replace(SEED, coupling=pixels_coupling), replace(DENOISED, coupling=coupling)
    return SeededRecipe(first, spectral, second, white_noisy_latents, denoised=True)


_LATENTS = ClipTrainedRecipe(LATENT_TRAINING, decoder)
_NOISY = ClipTrainedRecipe(DENOISED_TRAINING, denoised, samples=True)
_PAPER_PIXELS = ClipTrainedRecipe(PAPER_TRAINING, pixels)
_PAPER_LATENTS = ClipTrainedRecipe(PAPER_TRAINING, decoder)
_PAPER_NOISE = ClipTrainedRecipe(PAPER_TRAINING, diffusion, samples=True)

CLIP_RECIPES: Mapping[str, Mapping[str, Recipe]] = MappingProxyType(
    {
        "pixels-white": {
            "clip": _pixels(DRAWN),
            "clip-aligned": _pixels(ALIGNED),
            "clip-paper": OptimisedRecipe(ALGORITHM_2, pixels),
        },
        "decoder-white": {
            "clip": _decoder(DRAWN, DRAWN),
            "clip-aligned": _decoder(ALIGNED, ALIGNED_AT_ONCE),
            "clip-paper": OptimisedRecipe(ALGORITHM_2, decoder),
        },
        "diffusion-white": {
            "clip": _diffusion(DRAWN, DRAWN),
            "clip-aligned": _diffusion(ALIGNED, ALIGNED_AT_ONCE),
            "clip-paper": OptimisedRecipe(ALGORITHM_2, diffusion, samples=True),
        },
        "pixels-black": {
            "clip": ClipTrainedRecipe(DEFAULT_TRAINING, pixels),
            "clip-paper": _PAPER_PIXELS,
            "clip-paper-apart": replace(_PAPER_PIXELS, networks=apart),
        },
        "decoder-black": {
            "clip": _LATENTS,
            "clip-apart": replace(_LATENTS, networks=apart),
            "clip-paper": _PAPER_LATENTS,
            "clip-paper-apart": replace(_PAPER_LATENTS, networks=apart),
        },
        "diffusion-black": {
            "clip": _NOISY,
            "clip-apart": replace(_NOISY, networks=apart),
            "clip-paper": _PAPER_NOISE,
            "clip-paper-apart": replace(_PAPER_NOISE, networks=apart),
        },
    }
)
"""By attack: `clip` is recipe `strong` on the frames of a clip together, `clip-paper` Algorithm 2 and §5.2,
`clip-aligned` an extension of ours, and `…-apart` the equally large network in which frames do not meet."""

CLIP_ATTACKS: Mapping[str, AttackEntry[Recipe]] = MappingProxyType(
    {
        attack: replace(entry, recipes={**entry.recipes, **CLIP_RECIPES.get(attack, {})})
        for attack, entry in ATTACKS.items()
    }
)
"""What can attack clips: by any other recipe each frame is attacked by itself."""


CLIP_ONLINE: Mapping[str, AttackEntry[OnlineRecipe]] = MappingProxyType({**ONLINE, **CLIP_ATTACKS})
"""What the adversary's process can run where it gathers clips."""


def choose_for(words: Sequence[str], recipe: str, clip: int) -> tuple[ChosenAttack[Recipe], ...]:
    """The attacks of several words, see `choose_all`, on clips of so many frames; 1: on pictures.

    Raises:
        UsageError: no such attack or recipe, two words for the same, or a recipe for clips where there are none.
    """
    return _chosen(words, recipe, CLIP_ATTACKS, clip)


def choose_online(words: Sequence[str], recipe: str, clip: int) -> tuple[ChosenAttack[OnlineRecipe], ...]:
    """`choose_for` of what the adversary's process runs."""
    return _chosen(words, recipe, CLIP_ONLINE, clip)


def takes_clips(choice: ChosenAttack[OnlineRecipe]) -> bool:
    """Whether an attack takes the frames of a clip together."""
    return choice.recipe_name in CLIP_RECIPES.get(choice.attack, {})


def _chosen(
    words: Sequence[str], recipe: str, attacks: Mapping[str, AttackEntry[R_co]], clip: int
) -> tuple[ChosenAttack[R_co], ...]:
    chosen = choose_all(words, recipe, attacks)
    for choice in chosen:
        if clip == 1 and takes_clips(choice):
            raise UsageError(
                f"recipe {choice.recipe_name} of {choice.word} takes the frames of a clip together: --clip 4 shows it "
                "clips"
            )
    return chosen
