"""Which attacks a text tells something: those whose diffusion model holds what they optimise, or is trained through."""

from __future__ import annotations

from collections.abc import Sequence

from keyhole.attacks.entry import OnlineRecipe, Recipe
from keyhole.attacks.features.clip_training import ClipTrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.service.errors import UsageError


def check_text(texts: Sequence[str], chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> None:
    """Refuse texts that no attack uses, or that an attack would use wrongly.

    Args:
        texts: what the frames show, or may show; empty: nothing is said.
        chosen: the attacks of a run.

    Raises:
        UsageError: names the attack, and what was expected.
    """
    if not texts:
        return
    if not all(text.strip() for text in texts):
        raise UsageError("--text is empty: expected a few words on what the frames show")
    if len(set(texts)) < len(texts):
        raise UsageError("--text says the same twice: expected different texts, of which each is tried")
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
    live = [choice.word for choice in denoising if not isinstance(choice.recipe, Recipe)]
    if live and len(texts) > 1:
        raise UsageError(f"--text: {', '.join(live)} takes one text, and {len(texts)} are given")


def texts_for(texts: Sequence[str], choice: ChosenAttack[OnlineRecipe]) -> tuple[str, ...]:
    """The texts that an attack tries: none where it has no diffusion model."""
    return tuple(texts) if choice.entry.denoises else ()


def needs_captions(texts: Sequence[str], chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> bool:
    """Whether one of the attacks trains through a diffusion model that is told a text: each of its queries then needs a
    description of its own (Eq. 12 of the feature-inversion paper), for the one of the frames is false of most."""
    return bool(texts) and any(
        choice.recipe.describes for choice in chosen if choice.entry.denoises and isinstance(choice.recipe, Recipe)
    )
