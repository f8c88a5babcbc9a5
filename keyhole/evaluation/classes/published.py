"""Published figures of class inversion, printed beside measured ones where the setting is the papers'; and trends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.targets import Target

_DATA, _SIZE, _CLASSES = "celeba-diff-mi:", 64, 1000
_VGG16 = [*[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6]
"""Channels of its convolutions."""


@dataclass(frozen=True)
class PublishedInversion:
    """A row of Diff-MI's Table I: CelebA against CelebA, VGG16 at 64 px, 300 of 1,000 classes, 5 pictures each.

    Attributes:
        top1: share of pictures that the evaluation classifier takes for the class, in per cent.
        fid: Inception's.
        psnr: against the best private picture of the class, which is more than against one that the judge chooses.
        ssim: likewise.
    """

    top1: float
    fid: float
    psnr: float | None = None
    ssim: float | None = None


TABLE: Mapping[str, PublishedInversion] = MappingProxyType(
    {
        "gmi/strong": PublishedInversion(23.40, 28.04, 13.09, 0.39),
        "ked-mi/strong": PublishedInversion(63.13, 30.49, 14.13, 0.42),
        "plg-mi/strong": PublishedInversion(97.47, 33.27, 14.79, 0.47),
        "diff-mi/strong": PublishedInversion(93.47, 23.82, 15.64, 0.53),
        "diff-mi/no-pgd": PublishedInversion(90.47, 24.33),
        "diff-mi/no-tuning": PublishedInversion(75.87, 20.95),
        "diff-mi/ce": PublishedInversion(88.73, 24.98),
        "diff-mi/max-margin": PublishedInversion(91.20, 25.06),
    }
)
"""By attack and recipe; the last ones are of Table X."""


def published_inversion(spelled: str, settings: InvertSettings, target: Target) -> PublishedInversion | None:
    """The paper's figures of an attack; None where it has none, or where the setting differs: data, size, classes,
    architecture, defence, loss or steps.

    Args:
        spelled: ``ATTACK/RECIPE``.
        settings: of the run.
        target: the classifier under attack.
    """
    layers = [layer.out_channels for layer in target.model.modules() if isinstance(layer, nn.Conv2d)]
    same = (
        settings.private.startswith(_DATA)
        and settings.public.startswith(_DATA)
        and (target.preprocess.size, target.outputs) == (_SIZE, _CLASSES)
        and layers == _VGG16
        and not target.defence
        and settings.loss is None
        and settings.iterations is None
    )
    return TABLE.get(spelled) if same else None


@dataclass(frozen=True)
class Trend:
    """A published trend.

    Attributes:
        says: in a sentence.
        of: rows, by attack and recipe, that it is about.
        figure: that is compared.
        better: whether the first row's figure is at least, or at most, that of every other.
    """

    says: str
    of: tuple[str, ...]
    figure: str
    better: Callable[[float, float], bool]

    def seen(self, figures: Mapping[str, float]) -> bool | None:
        """Whether figures by row show it; None where a row is missing."""
        if any(name not in figures for name in self.of):
            return None
        first, *others = (figures[name] for name in self.of)
        return all(self.better(first, other) for other in others)


def _at_least(one: float, other: float) -> bool:
    return one >= other


def _at_most(one: float, other: float) -> bool:
    return one <= other


TRENDS = (
    Trend("PLG-MI recognised at least as often as KED-MI", ("plg-mi/strong", "ked-mi/strong"), "top1", _at_least),
    Trend("KED-MI recognised at least as often as GMI", ("ked-mi/strong", "gmi/strong"), "top1", _at_least),
    Trend(
        "Diff-MI nearest to private pictures of the four",
        ("diff-mi/strong", "plg-mi/strong", "ked-mi/strong", "gmi/strong"),
        "frechet_distance_judge",
        _at_most,
    ),
    Trend("fine-tuning helps Diff-MI", ("diff-mi/strong", "diff-mi/no-tuning"), "top1", _at_least),
    Trend(
        "Diff-MI's own loss recognised at least as often as cross-entropy and max-margin",
        ("diff-mi/strong", "diff-mi/ce", "diff-mi/max-margin"),
        "top1",
        _at_least,
    ),
    Trend("PGD helps Diff-MI", ("diff-mi/strong", "diff-mi/no-pgd"), "top1", _at_least),
)
"""Of Diff-MI's Tables I and X."""
