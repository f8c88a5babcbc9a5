"""What the blind attacker shows of every picture of a run: one picture by each of its recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from keyhole.attacks import FLOOR
from keyhole.attacks.base import Budget, RunSettings
from keyhole.attacks.registry import blind_recipes
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.world import blind_access
from keyhole.priors.prior import prior_hash
from keyhole.service.errors import UsageError
from keyhole.sizes import Size

RECIPES = len(blind_recipes())


@dataclass(frozen=True)
class BlindPictures:
    """The blind attacker's pictures.

    Attributes:
        shown: RGB in steps of 1/255, 3×H×W, by recipe.
        left_out: why a recipe shows none, by its name.
    """

    shown: Mapping[str, Tensor]
    left_out: Mapping[str, str]

    @classmethod
    def made(
        cls,
        settings: OfflineSettings,
        size: Size,
        seed: int,
        shelf: Shelf,
        stepped: Callable[[], object] = lambda: None,
    ) -> BlindPictures:
        """The pictures, or those that an earlier run has kept.

        Args:
            settings: name the public pictures and the prior.
            size: of the pictures.
            seed: of the public pictures and the sampler.
            shelf: of the run.
            stepped: called after each recipe.

        Raises:
            UsageError: no such public pictures.
        """
        facts = {"attack": FLOOR, "size": size, "seed": seed, "public": settings.public, **_prior(settings)}
        shown = shelf.tensors(FLOOR, facts)
        known = blind_access(settings, size, seed)
        run = RunSettings(Budget(1), seed)
        left_out = {}
        for choice in blind_recipes():
            if choice.recipe_name not in shown:
                if not shown:
                    _ = known.pictures
                try:
                    picture = choice.recipe.choose(known, run)
                except UsageError as error:
                    left_out[choice.recipe_name] = str(error)
                else:
                    shown[choice.recipe_name] = (picture.clamp(0, 1) * 255).round() / 255
            stepped()
        shelf.keep_tensors(FLOOR, facts, shown)
        return cls(shown, left_out)


def _prior(settings: OfflineSettings) -> dict[str, object]:
    """Facts of the prior; none of one that is not there, whose recipe is left out."""
    try:
        text = {"text": settings.text[0]} if settings.text else {}
        return {"prior": settings.prior, "prior_hash": prior_hash(settings.prior, told=bool(text)), **text}
    except UsageError:
        return {}
