"""Which attacks a text tells something: those whose diffusion model holds what they optimise."""

from __future__ import annotations

from collections.abc import Sequence

from keyhole.attacks.entry import OnlineRecipe, Recipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.service.errors import UsageError


def check_text(text: str | None, chosen: Sequence[ChosenAttack[OnlineRecipe]]) -> None:
    """Refuse a text that no attack uses, or that an attack would use wrongly.

    A network that is trained through a diffusion model needs a description of each query (Eq. 12 of the
    feature-inversion paper); one text for all of them would be false of most.

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
            "--text tells a diffusion model what the frames show, and none of --attacks has one: name diffusion-white"
        )
    learning = [choice.word for choice in denoising if choice.trains or not isinstance(choice.recipe, Recipe)]
    if learning:
        raise UsageError(
            f"--text: {', '.join(learning)} trains through the diffusion model on queries that the text does not "
            "describe: expected white boxes that train nothing, such as diffusion-white or diffusion-white/noise"
        )
