"""Leak of a design to one attack: scores of its reconstructions, and what the judge reads from them."""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Sequence

import torch
from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.entry import Spend
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, choose
from keyhole.bench.advice.puri import PURI_METRICS
from keyhole.bench.axes import LeakCell
from keyhole.bench.records import LeakRecord, Measured
from keyhole.bench.sweep import Sweep, audit_pictures, cut_of
from keyhole.evaluation.run import reconstruct_all
from keyhole.evaluation.scores import score_set
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.judge.examination import GALLERY, recovered
from keyhole.metrics.registry import metrics_named
from keyhole.presentation.contact_sheet import Column, contact_sheet

RECONSTRUCTIONS, SHEETS = "reconstructions", "sheets"
ROWS = 8
"""Pictures on a contact sheet."""


def leak(cell: LeakCell, sweep: Sweep) -> Measured:
    """Attack the first pictures of the audit pool with the suite's budget of this attack; score each against its truth.

    Finished pictures are kept in the run's folder: an attack that was killed goes on with the others.

    Raises:
        UsageError: no such attack, prior, target, cut, defence, codec or metric.
    """
    attack = choose(cell.attack, DEFAULT_RECIPE, ATTACKS)
    spend = attack.spend(sweep.settings.preset)
    known = sweep.target(cell.design.target)
    partition = known.cut(cut_of(cell.design))
    samples = audit_pictures(sweep.settings, known.target.preprocess.size, max(spend.n, GALLERY), secrets=True)
    truths = torch.stack([sample.picture for sample in samples[: spend.n]])

    started = time.perf_counter()
    with Progress(disable=True) as progress:
        made = reconstruct_all(
            Trial(_settings(cell, sweep, spend), attack, cell.seed, cell.seed),
            known.target,
            partition,
            truths,
            progress,
        )
    seconds = time.perf_counter() - started

    pictures, metrics = torch.stack(made.pictures), metrics_named((*sweep.metrics, *PURI_METRICS))
    sheet = f"{SHEETS}/{hashlib.sha256(cell.name.encode()).hexdigest()[:16]}.png"
    record = LeakRecord(
        design=cell.design,
        attack=cell.attack,
        seed=cell.seed,
        scores={each.name: each.scores(pictures, truths) for each in metrics if each.scope == "picture"},
        sets=score_set(pictures, truths, metrics),
        shown=sweep.metrics,
        secrets=recovered(pictures, samples),
        passes=statistics.fmean(made.passes),
        seconds=seconds / max(1, made.fresh),
        sheet=sheet,
    )
    return Measured(record, {sheet: _sheet(cell, truths, made.pictures)})


def _settings(cell: LeakCell, sweep: Sweep, spend: Spend) -> OfflineSettings:
    settings, design = sweep.settings, cell.design
    return OfflineSettings(
        target=design.target,
        weights=settings.weights or None,
        cut=cut_of(design),
        size=settings.size,
        source=settings.source,
        prior=settings.prior,
        defence=design.defence,
        codec=design.codec,
        n=spend.n,
        batch=spend.batch,
        iterations=spend.iterations,
        queries=spend.queries,
        public=settings.public,
        threads=settings.threads,
        out=sweep.folder / RECONSTRUCTIONS,
    )


def _sheet(cell: LeakCell, truths: Tensor, made: Sequence[Tensor]) -> bytes:
    image = contact_sheet([Column.of("truth", truths[:ROWS]), Column.of(cell.attack, made[:ROWS])])
    png = io.BytesIO()
    image.save(png, format="PNG")
    return png.getvalue()
