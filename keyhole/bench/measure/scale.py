"""Scale of a target's pictures: the blind attacker's scores at one end, those of true thumbnails above them."""

from __future__ import annotations

import torch
from torch import Tensor

from keyhole.bench.axes import ScaleCell
from keyhole.bench.measure.leak import RECONSTRUCTIONS, ROWS, scored, scoring, sheet_of
from keyhole.bench.records import Measured, ScaleRecord
from keyhole.bench.sweep import SEED, Sweep, audit_pictures
from keyhole.evaluation.blind import BlindPictures
from keyhole.evaluation.kept import Shelf
from keyhole.evaluation.settings import OfflineSettings
from keyhole.judge.examination import GALLERY, judge_and_gallery
from keyhole.judge.legibility import Legibility
from keyhole.judge.loading import SHIPPED, read_judge_card
from keyhole.metrics.thumbnails import ThumbnailScale, shrunk
from keyhole.presentation.contact_sheet import Column
from keyhole.sizes import size_of

SHOWN = (4, 8, 16, 32, 64)
"""Sides of the thumbnails on the contact sheet."""


def scale(cell: ScaleCell, sweep: Sweep) -> Measured:
    """Score the blind attacker and thumbnails on the pictures that are attacked, and have the judge read both.

    Raises:
        UsageError: no such target or metric.
    """
    size = sweep.target(cell.target).target.preprocess.size
    samples = audit_pictures(sweep.settings, size, GALLERY, secrets=True)
    truths = torch.stack([sample.picture for sample in samples])
    made = _blind(cell, sweep, truths)
    thumbnails = ThumbnailScale.measure(truths, scoring(sweep))
    labels = {place: sample.secrets for place, sample in enumerate(samples) if sample.secrets}
    known = judge_and_gallery(samples) if labels else None
    legibility = known and Legibility.measure(known[0], truths[list(labels)], list(labels.values()), known[1])
    rows = [
        Column.of("truth", truths[:ROWS]),
        *(Column.of(f"blind, {recipe}", pictures[:ROWS]) for recipe, pictures in made.items()),
        *(Column.of(f"{side} px", shrunk(truths[:ROWS], side)) for side in SHOWN if side < thumbnails.full),
    ]
    sheet, png = sheet_of(cell.name, rows)
    blind = {
        recipe: scored(cell.design, f"blind/{recipe}", pictures, samples, sweep) for recipe, pictures in made.items()
    }
    judge = read_judge_card(SHIPPED).sha256 if known else ""
    return Measured(ScaleRecord(cell.design, blind, thumbnails, legibility or None, sheet, judge), {sheet: png})


def _blind(cell: ScaleCell, sweep: Sweep, truths: Tensor) -> dict[str, Tensor]:
    """What each recipe of the blind attacker shows for every picture, N×3×H×W, without those that cannot be made."""
    settings = sweep.settings
    folder = sweep.folder / RECONSTRUCTIONS
    terms = OfflineSettings(target=cell.target, prior=settings.prior, public=settings.public, out=folder)
    blind = BlindPictures.made(terms, size_of(*truths.shape[-2:]), SEED, Shelf(folder))
    return {recipe: picture.expand_as(truths) for recipe, picture in blind.shown.items()}
