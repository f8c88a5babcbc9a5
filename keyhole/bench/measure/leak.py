"""What one attack sees of a design."""

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
from keyhole.bench.axes import LeakCell
from keyhole.bench.measure.pictures import audit_pictures
from keyhole.bench.measure.secrets import GALLERY, recovered
from keyhole.bench.opening import opened
from keyhole.bench.records import Leak, Measured
from keyhole.bench.setup import Setup, cut_of
from keyhole.evaluation.run import attacked
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.metrics import fsim, psnr, ssim
from keyhole.presentation.contact_sheet import Column, contact_sheet

RECONSTRUCTIONS, SHEETS = "reconstructions", "sheets"
_METRICS = {"psnr": psnr, "ssim": ssim, "fsim": fsim}
ROWS = 8
"""Pictures on a contact sheet."""


def leak(cell: LeakCell, setup: Setup) -> Measured:
    """Attack the first pictures of the audit pool with the suite's budget of this attack; score each against its truth.

    Finished pictures are kept in the run's folder: an attack that was killed goes on with the others.

    Raises:
        UsageError: no such attack, prior, target, cut, defence or codec.
    """
    attack = choose(cell.attack, DEFAULT_RECIPE, ATTACKS)
    spend = attack.spend(setup.terms.preset)
    known = opened(setup.model(cell.design.target))
    partition = known.cut(cut_of(cell.design))
    samples = audit_pictures(setup.terms, known.target.preprocess.size, max(spend.n, GALLERY), secrets=True)
    truths = torch.stack([sample.picture for sample in samples[: spend.n]])

    started = time.perf_counter()
    with Progress(disable=True) as progress:
        made = attacked(
            Trial(_settings(cell, setup, spend), attack, cell.seed, cell.seed),
            known.target,
            partition,
            truths,
            progress,
        )
    seconds = time.perf_counter() - started

    pictures = torch.stack(made.pictures)
    sheet = f"{SHEETS}/{hashlib.sha256(cell.name.encode()).hexdigest()[:16]}.png"
    record = Leak(
        design=cell.design,
        attack=cell.attack,
        seed=cell.seed,
        scores={name: metric(pictures, truths).tolist() for name, metric in _METRICS.items()},
        secrets=recovered(pictures, samples),
        passes=statistics.fmean(made.passes),
        seconds=seconds / max(1, made.fresh),
        sheet=sheet,
    )
    return Measured(record, {sheet: _sheet(cell, truths, made.pictures)})


def _settings(cell: LeakCell, setup: Setup, spend: Spend) -> OfflineSettings:
    terms, design = setup.terms, cell.design
    return OfflineSettings(
        target=design.target,
        weights=terms.weights or None,
        cut=cut_of(design),
        size=terms.size,
        source=terms.source,
        prior=terms.prior,
        defence=design.defence,
        codec=design.codec,
        n=spend.n,
        batch=spend.batch,
        iterations=spend.iterations,
        queries=spend.queries,
        public=terms.public,
        threads=terms.threads,
        out=setup.run / RECONSTRUCTIONS,
    )


def _sheet(cell: LeakCell, truths: Tensor, made: Sequence[Tensor]) -> bytes:
    image = contact_sheet([Column.of("truth", truths[:ROWS]), Column.of(cell.attack, made[:ROWS])])
    png = io.BytesIO()
    image.save(png, format="PNG")
    return png.getvalue()
