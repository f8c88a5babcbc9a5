"""Which attacks a text tells something: those whose diffusion model holds what they optimise, or is trained through."""

from __future__ import annotations

from collections.abc import Sequence

from keyhole.attacks.entry import OnlineRecipe, Recipe
from keyhole.attacks.features.clip_training import ClipTrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.service.errors import UsageError


def check_text(text: str | None, chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> None:
    """Refuse a text that no attack uses, or that an attack would use wrongly.

    Args:
        text: what the frames show; None: nothing is said.
        chosen: the attacks of a run.

    Raises:
        UsageError: names the attack, and what was expected.
    """
    if text is None:
        return
    if not text.strip():
        raise UsageError("--text is empty: expected a few words on what the frames show")
    denoising = [choice for choice in chosen if choice.entry.denoises]
    if not denoising:
        raise UsageError(
            "--text tells a diffusion model what the frames show, and none of --attacks has one: name diffusion-white "
            "or diffusion-black"
        )
    on_clips = [choice.word for choice in denoising if isinstance(choice.recipe, ClipTrainedRecipe)]
    if on_clips:
        raise UsageError(
            f"--text: {', '.join(on_clips)} trains on clips, and no source has captions of clips: name a recipe that "
            "takes every frame by itself, such as diffusion-black/paper"
        )


def needs_captions(text: str | None, chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> bool:
    """Whether one of the attacks trains through a diffusion model that is told a text: each of its queries then needs a
    description of its own (Eq. 12 of the feature-inversion paper), for the one of the frames is false of most."""
    return text is not None and any(
        choice.recipe.describes for choice in chosen if choice.entry.denoises and isinstance(choice.recipe, Recipe)
    )
