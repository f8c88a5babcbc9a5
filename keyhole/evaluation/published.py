"""Published figures of the feature-inversion paper, printed beside measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.evaluation.settings import OfflineSettings
from keyhole.priors.folder import shipped_priors
from keyhole.targets import Target
from keyhole.targets.load import PRETRAINED
from keyhole.targets.target import NO_DEFENCE

_SIZE = 224


@dataclass(frozen=True)
class Published:
    """A row of the feature-inversion paper: ImageNet, 100 pictures, its own recipes, Stable Diffusion as prior.

    Attributes:
        eq14: what the paper calls PSNR, its Eq. 14; not the standard one.
        ssim: structural similarity.
    """

    eq14: float
    ssim: float


def _row(name: str, cuts: tuple[str, ...], eq14: tuple[float, ...], ssim: tuple[float, ...]) -> Rows:
    return {(name, cut): Published(*figures) for cut, *figures in zip(cuts, eq14, ssim, strict=True)}


Rows = dict[tuple[str, str], Published]
_DIRECT_WHITE: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (29.3, 14.6, 9.51), (0.87, 0.58, 0.13)),
    **_row("resnet50", ("L12", "L24", "L36"), (28.9, 15.3, 8.04), (0.85, 0.62, 0.09)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (28.5, 17.6, 9.42), (0.87, 0.66, 0.11)),
}
_DECODER_WHITE: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (35.2, 32.6, 18.6), (0.93, 0.90, 0.72)),
    **_row("resnet50", ("L12", "L24", "L36"), (35.4, 33.0, 18.3), (0.92, 0.88, 0.70)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (36.8, 33.1, 19.9), (0.93, 0.90, 0.75)),
}
_DIFFUSION_WHITE: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (41.0, 36.3, 29.1), (0.97, 0.94, 0.86)),
    **_row("resnet50", ("L12", "L24", "L36"), (40.2, 37.0, 29.9), (0.96, 0.95, 0.88)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (42.6, 38.9, 32.5), (0.98, 0.94, 0.91)),
}
_DIRECT_BLACK: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (27.6, 11.1, 7.74), (0.84, 0.40, 0.08)),
    **_row("resnet50", ("L12", "L24", "L36"), (26.3, 13.1, 7.11), (0.84, 0.54, 0.07)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (26.6, 13.2, 7.80), (0.85, 0.62, 0.08)),
}
_DECODER_BLACK: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (34.3, 24.3, 9.6), (0.90, 0.78, 0.38)),
    **_row("resnet50", ("L12", "L24", "L36"), (33.4, 27.0, 12.3), (0.92, 0.79, 0.43)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (35.3, 23.9, 11.5), (0.91, 0.80, 0.55)),
}
_DIFFUSION_BLACK: Rows = {
    **_row("resnet18", ("L4", "L8", "L12"), (40.4, 32.5, 20.6), (0.92, 0.84, 0.46)),
    **_row("resnet50", ("L12", "L24", "L36"), (39.2, 31.4, 23.9), (0.94, 0.88, 0.67)),
    **_row("vit_b_16", ("L3", "L4", "L5"), (41.6, 31.5, 19.5), (0.95, 0.88, 0.71)),
}
PUBLISHED: Mapping[str, Mapping[tuple[str, str], Published]] = MappingProxyType(
    {
        "pixels-white": _DIRECT_WHITE,
        "decoder-white": _DECODER_WHITE,
        "diffusion-white": _DIFFUSION_WHITE,
        "pixels-black": _DIRECT_BLACK,
        "decoder-black": _DECODER_BLACK,
        "diffusion-black": _DIFFUSION_BLACK,
    }
)
"""Attack → (architecture, alias of the cut) → figures: DO, DB and DMB of tables 1 and 4."""


def published(
    choice: ChosenAttack[Recipe], settings: OfflineSettings, target: Target, alias: str | None
) -> Published | None:
    """The paper's figures for a run; None where it has none for that attack and cut, or where the setting differs:
    weights, pictures, size, recipe, prior or defence.

    Args:
        choice: the attack.
        settings: of the run.
        target: the model under attack.
        alias: the cut by the paper's numbering.
    """
    same = (
        settings.weights == PRETRAINED
        and settings.source.startswith("imagenet:")
        and target.preprocess.size == _SIZE
        and (settings.defence, settings.codec, settings.frames, settings.clip) == (NO_DEFENCE, "fp32", 1, 1)
        and choice.recipe_name == "paper"
        and not (choice.entry.uses_prior and settings.prior in shipped_priors())
    )
    name = target.name.removeprefix("torchvision:")
    return PUBLISHED.get(choice.attack, {}).get((name, alias or "")) if same else None
