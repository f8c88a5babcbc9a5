"""Scale of a target's pictures: the blind attacker's scores at one end, those of true thumbnails above them."""

from __future__ import annotations

import torch
from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.registry import blind_recipes
from keyhole.bench.axes import ScaleCell
from keyhole.bench.measure.leak import RECONSTRUCTIONS, ROWS, scored, scoring, sheet_of
from keyhole.bench.records import Measured, ScaleRecord
from keyhole.bench.sweep import SEED, Sweep, audit_pictures
from keyhole.evaluation.run import reconstruct_all
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.judge.examination import GALLERY, judge_and_gallery
from keyhole.judge.legibility import Legibility
from keyhole.judge.loading import SHIPPED, read_judge_card
from keyhole.metrics.thumbnails import ThumbnailScale, shrunk
from keyhole.partition.plan import INPUT
from keyhole.presentation.contact_sheet import Column
from keyhole.service.errors import UsageError

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
    settings, target = sweep.settings, sweep.target(cell.target)
    terms = OfflineSettings(
        target=cell.target,
        weights=settings.weights or None,
        cut=INPUT,
        size=settings.size,
        source=settings.source,
        prior=settings.prior,
        public=settings.public,
        n=len(truths),
        batch=len(truths),
        threads=settings.threads,
        out=sweep.folder / RECONSTRUCTIONS,
    )
    made = {}
    for choice in blind_recipes():
        with Progress(disable=True) as progress:
            try:
                found = reconstruct_all(
                    Trial(terms, choice, SEED, SEED), target.target, target.cut(INPUT), truths, progress
                )
            except UsageError:
                if choice.recipe_name != "sample":
                    raise
                continue  # the prior has nothing to sample from
        made[choice.recipe_name] = torch.stack(found.pictures)
    return made
