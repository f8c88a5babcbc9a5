"""Attacks on frames that come while they run, and the recipes of latents that their rungs share with other attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from keyhole.attacks.entry import AttackEntry
from keyhole.attacks.features.objective import DENOISED, REFINING
from keyhole.attacks.features.refined import LadderRecipe, RefinedRecipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.features.training import DENOISED_TRAINING, LATENT_TRAINING, ONE_STEP_TRAINING
from keyhole.attacks.features.variables import decoder, decoder_on_grid, denoised, white_latents, white_noisy_latents

LEARNED = TrainedRecipe(LATENT_TRAINING, decoder)
ONE_STEP = TrainedRecipe(ONE_STEP_TRAINING, decoder)
LEARNED_ON_GRID = replace(LEARNED, generator=decoder_on_grid)
LEARNED_NOISY = TrainedRecipe(DENOISED_TRAINING, denoised, samples=True)
REFINED = RefinedRecipe(LEARNED, REFINING, white_latents)
REFINED_DENOISED = RefinedRecipe(
    LEARNED_NOISY, replace(REFINING, weight=DENOISED.weight), white_noisy_latents, denoised=True
)

LADDERS: Mapping[str, AttackEntry[LadderRecipe]] = MappingProxyType(
    {
        "decoder-ladder": AttackEntry(
            {"strong": LadderRecipe(REFINED), "one-step": LadderRecipe(replace(REFINED, first=ONE_STEP))},
            uses_prior=True,
        ),
        "diffusion-ladder": AttackEntry(
            {
                "strong": LadderRecipe(replace(REFINED_DENOISED, first=LEARNED_ON_GRID)),
                "one-step": LadderRecipe(replace(REFINED_DENOISED, first=replace(ONE_STEP, generator=decoder_on_grid))),
            },
            uses_prior=True,
            denoises=True,
        ),
    }
)
"""For frames that come while they run; offline their rungs are ``decoder-black`` and the white boxes' ``refined``.
Frames come from the start, when the network has hardly learned: one for the decoder alone is good sooner than one that
learns through a U-Net."""
