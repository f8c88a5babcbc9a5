"""What the judge reads from reconstructions, and from the thumbnails that they are said to equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from benchmarks.measurement import Measurement, run
from benchmarks.specimens import Floats, SpecimenSettings, legible, read, reconstructed, reconstructions
from keyhole.attacks.registry import blind_recipes
from keyhole.judge.examination import enrol
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE
from keyhole.judge.loading import load_judge
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import mean_interval, with_interval
from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import HEADLINE, Thumbnail, ThumbnailScale, shrunk
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet
from keyhole.service.memory import keep_all_freed

OTHERS = ("psnr", "stlpips")
"""Metrics whose equivalent thumbnails stand beside those of the headline's."""
ROWS = 4
"""Pictures on the sheet."""
TILE = 128
"""Side of one, pixels."""


@dataclass(frozen=True)
class EquivalentsSettings(SpecimenSettings):
    """Compare what the judge reads from reconstructions with what it reads from the thumbnails that score the same."""

    sheet: Path | None = None
    """Picture to write: truths, reconstructions, each beside the thumbnails that it equals, the blind attacker's."""


@dataclass(frozen=True)
class EquivalentsRow:
    """One attack at one cut: its equivalent thumbnail, and what was read right of it and of that."""

    name: str
    ssim: str
    thumbnail: str
    by_psnr: str
    by_stlpips: str
    plate: str
    driver: str
    vehicle: str


@dataclass(frozen=True)
class Equivalents:
    """A scale of true pictures, with what the blind attacker shows of them.

    Attributes:
        truths: N×3×H×W.
        scale: of their thumbnails.
        blind: what each of the blind attacker's recipes shows, N×3×H×W, by name.
        floors: by metric's name, the recipe that scores best on average, and its scores.
    """

    truths: Tensor
    scale: ThumbnailScale
    blind: Mapping[str, Tensor]
    floors: Mapping[str, tuple[str, list[float]]]

    @classmethod
    def measure(cls, truths: Tensor, metrics: Sequence[Metric], blind: Mapping[str, Tensor]) -> Equivalents:
        """The scale and the floors by some metrics."""
        floors = {metric.name: _best(metric, truths, blind) for metric in metrics}
        return cls(truths, ThumbnailScale.measure(truths, metrics), blind, floors)

    def of(self, metric: Metric, pictures: Tensor) -> Thumbnail:
        """The thumbnail that reconstructions equal by a metric."""
        return self.scale.equivalent(metric.name, metric.scores(pictures, self.truths), self.floors[metric.name][1])

    def shown(self, thumbnail: Thumbnail) -> Tensor | None:
        """The truths as their thumbnails of that size show them; None where it is nothing."""
        pixels = round(thumbnail.side)
        if not pixels:
            return None
        return self.truths if pixels >= thumbnail.full else shrunk(self.truths, pixels)


def _best(metric: Metric, truths: Tensor, blind: Mapping[str, Tensor]) -> tuple[str, list[float]]:
    scores = {name: metric.scores(pictures, truths) for name, pictures in blind.items()}
    best = max(scores, key=lambda name: metric.leak(float(np.mean(scores[name]))))
    return best, scores[best]


def compared(mine: Floats, theirs: Floats | None) -> str:
    """Shares of a secret that were read right, NaN where none is shown, and the paired difference in points.

    >>> compared(np.array([1.0, np.nan]), np.array([0.5, np.nan]))
    '100 %; 50 %; +50'
    """
    shown = ~np.isnan(mine)
    if not shown.any():
        return "–"
    if theirs is None:
        return f"{100 * mine[shown].mean():.0f} %; –; –"
    points = 100 * (mine[shown] - theirs[shown])
    interval = mean_interval(points.tolist())
    ends = f" [{interval[0]:+.0f}, {interval[1]:+.0f}]" if interval else ""
    return f"{100 * mine[shown].mean():.0f} %; {100 * theirs[shown].mean():.0f} %; {points.mean():+.0f}{ends}"


def sheet(equivalents: Equivalents, made: Mapping[str, Tensor], places: Sequence[int]) -> list[Column]:
    """Truths, reconstructions, each beside the thumbnails that it equals, and the blind attacker's picture."""
    headline = METRICS[HEADLINE]
    columns = [_column("truth", equivalents.truths, equivalents, places)]
    for name, pictures in made.items():
        thumbnail = equivalents.of(headline, pictures)
        columns.append(_column(name.replace(", ", "\n"), pictures, equivalents, places))
        if (shown := equivalents.shown(thumbnail)) is not None:
            columns.append(_column(f"truth at\n{thumbnail.brief}", shown, equivalents, places))
    recipe, _ = equivalents.floors[HEADLINE]
    return [*columns, _column(f"blind attacker\n{recipe}", equivalents.blind[recipe], equivalents, places)]


def _column(heading: str, pictures: Tensor, equivalents: Equivalents, places: Sequence[int]) -> Column:
    headline, chosen = METRICS[HEADLINE], list(places)
    scores = headline.scores(pictures[chosen], equivalents.truths[chosen])
    captions = ["" if pictures is equivalents.truths else headline.caption(score) for score in scores]
    images = [transform.to_pil_image(picture.clamp(0, 1)) for picture in pictures[chosen]]
    return Column(heading, [Tile(image, caption) for image, caption in zip(images, captions, strict=True)])


def measurement(settings: EquivalentsSettings) -> Measurement:
    """One row for each attack at each cut."""
    torch.set_num_threads(1)
    keep_all_freed()
    samples = legible(settings.n)
    labels = [sample.secrets for sample in samples if sample.secrets]
    truths = torch.stack([sample.picture for sample in samples])
    made = reconstructions(settings, truths)
    blind = {
        choice.recipe_name: next(iter(reconstructed((choice,), settings.cuts[:1], settings, truths).values()))
        for choice in blind_recipes()
    }
    wanted = [METRICS[name] for name in (HEADLINE, *OTHERS)]
    metrics = {one.name: one for one in wanted if not one.weights or one.weights.present}
    equivalents = Equivalents.measure(truths, list(metrics.values()), blind)
    judge = load_judge()
    gallery = enrol(judge, dict.fromkeys(label.identity for label in labels))

    def row(name: str, pictures: Tensor) -> EquivalentsRow:
        thumbnails = {word: equivalents.of(metric, pictures) for word, metric in metrics.items()}
        equal = equivalents.shown(thumbnails[HEADLINE])
        mine = read(judge, pictures, labels, gallery)
        theirs = {} if equal is None else read(judge, equal, labels, gallery)
        cells = {secret: compared(mine[secret], theirs.get(secret)) for secret in (PLATE, DRIVER, VEHICLE)}
        scores = metrics[HEADLINE].scores(pictures, truths)
        texts = [thumbnails[word].text if word in thumbnails else "–" for word in OTHERS]
        return EquivalentsRow(
            name, with_interval(float(np.mean(scores)), mean_interval(scores), 3), thumbnails[HEADLINE].text, texts[0],
            texts[1], cells[PLATE], cells[DRIVER], cells[VEHICLE],
        )  # fmt: skip

    if settings.sheet:
        settings.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(sheet(equivalents, made, range(min(ROWS, len(truths)))), TILE).save(settings.sheet)
    return Measurement.of(
        [row(name, pictures) for name, pictures in made.items()],
        "Reconstructions and the thumbnails that they equal",
        f"""{len(truths)} audit pictures of streetcam that show a near plate, {len(gallery)} vehicles;
        {settings.training} steps of training, {settings.iterations} of a white box. Secrets: share read right from the
        reconstructions; from the true pictures' thumbnails of the size that equals them by SSIM; the difference in
        points with its 95 % interval over the pictures.""",
        {
            "attack, cut": ("name", ""),
            "plate glyphs": ("plate", ""),
            "driver": ("driver", ""),
            "vehicle": ("vehicle", ""),
            "thumbnail by SSIM": ("thumbnail", ""),
            "by PSNR": ("by_psnr", ""),
            "by ST-LPIPS": ("by_stlpips", ""),
            "SSIM": ("ssim", ""),
        },
        "python -m benchmarks.equivalents",
    )


if __name__ == "__main__":
    run(EquivalentsSettings, measurement)
