"""Published figures of class inversion, printed beside measured ones where the setting is the papers'; and trends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.metrics.interval import Mean
from keyhole.targets import Target

RECOGNISED = "top1"
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
    """A published trend: one row is better than others.

    Attributes:
        says: in a sentence.
        of: rows, by attack and recipe, that it is about; the first is the better one.
        figure: of each class, that is compared.
        lower: whether less of it is better.
    """

    says: str
    of: tuple[str, ...]
    figure: str = RECOGNISED
    lower: bool = False

    @property
    def shares(self) -> bool:
        """Whether the figure is a share of pictures; else it is a distance."""
        return self.figure == RECOGNISED

    def leads(self, gain: Callable[[str, str, str], Mean | None]) -> list[tuple[str, Mean]] | None:
        """How much better the first row is than each other, which names it; None where a row or its figure is missing.

        Args:
            gain: what a row has more of a figure than another, class by class; by both words and the figure.
        """
        first, *others = self.of
        found = []
        for other in others:
            more = gain(other, first, self.figure) if self.lower else gain(first, other, self.figure)
            if more is None:
                return None
            found.append((other, more))
        return found


TRENDS = (
    Trend("PLG-MI recognised more often than KED-MI", ("plg-mi/strong", "ked-mi/strong")),
    Trend("KED-MI recognised more often than GMI", ("ked-mi/strong", "gmi/strong")),
    Trend(
        "Diff-MI nearest to private pictures of the four",
        ("diff-mi/strong", "plg-mi/strong", "ked-mi/strong", "gmi/strong"),
        "knn_distance_judge",
        lower=True,
    ),
    Trend("fine-tuning helps Diff-MI", ("diff-mi/strong", "diff-mi/no-tuning")),
    Trend(
        "Diff-MI's own loss recognised more often than cross-entropy and max-margin",
        ("diff-mi/strong", "diff-mi/ce", "diff-mi/max-margin"),
    ),
    Trend("PGD helps Diff-MI", ("diff-mi/strong", "diff-mi/no-pgd")),
)
"""Of Diff-MI's Tables I and X; nearness class by class, where the paper has the FID of all."""
