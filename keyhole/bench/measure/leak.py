"""Leak of a design to one attack: scores of its reconstructions, and what the judge reads from them."""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.entry import Spend
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, choose
from keyhole.bench.advice.puri import PURI_METRICS
from keyhole.bench.axes import LeakCell
from keyhole.bench.records import Design, LeakRecord, Measured
from keyhole.bench.sweep import Sweep, audit_pictures, cut_of
from keyhole.data import Sample
from keyhole.evaluation.run import reconstruct_all
from keyhole.evaluation.scores import score_set
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.judge.examination import GALLERY, recovered
from keyhole.metrics.base import Metric
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

    found = scored(cell.design, cell.attack, torch.stack(made.pictures), samples, sweep)
    record = replace(
        found,
        seed=cell.seed,
        passes=statistics.fmean(made.passes),
        seconds=seconds / max(1, made.fresh),
        prepared=made.prepared,
    )
    return with_sheet(cell.name, record, truths, made.pictures)


def scored(design: Design, attack: str, pictures: Tensor, samples: Sequence[Sample], sweep: Sweep) -> LeakRecord:
    """Scores of what was made of a design's pictures, by the sweep's metrics and by the judge.

    Args:
        design: what was attacked.
        attack: by what.
        pictures: what was made, N×3×H×W in [0, 1].
        samples: the truths of all N, in their order; vehicles are looked up among those of further ones too.
        sweep: names the metrics.
    """
    truths = torch.stack([sample.picture for sample in samples[: len(pictures)]])
    metrics = scoring(sweep)
    return LeakRecord(
        design=design,
        attack=attack,
        seed=0,
        scores={
            each.name: [min(value, each.ceiling) for value in each.scores(pictures, truths)]
            for each in metrics
            if each.scope == "picture"
        },
        sets=score_set(pictures, truths, metrics),
        shown=sweep.metrics,
        secrets=recovered(pictures, samples),
    )


def scoring(sweep: Sweep) -> tuple[Metric, ...]:
    """The metrics that leaks are scored by: those asked for, and those of PURI."""
    return metrics_named((*sweep.metrics, *PURI_METRICS))


def with_sheet(cell: str, record: LeakRecord, truths: Tensor, made: Sequence[Tensor]) -> Measured:
    """The record of a cell with its contact sheet: the first `ROWS` pictures."""
    name, png = sheet_of(cell, [Column.of("truth", truths[:ROWS]), Column.of(record.attack, made[:ROWS])])
    return Measured(replace(record, sheet=name), {name: png})


def sheet_of(cell: str, columns: Sequence[Column]) -> tuple[str, bytes]:
    """A cell's contact sheet: its path in the run's folder, and the PNG."""
    png = io.BytesIO()
    contact_sheet(columns).save(png, format="PNG")
    return f"{SHEETS}/{hashlib.sha256(cell.encode()).hexdigest()[:16]}.png", png.getvalue()


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
