"""``keyhole bench-report``: what a stored benchmark tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keyhole.bench.advice.options import trained_defences, with_trained_defences
from keyhole.bench.records import Results
from keyhole.bench.report.content import content
from keyhole.bench.report.write import HTML, MARKDOWN, write
from keyhole.bench.settings import BenchReportSettings
from keyhole.bench.store import open_results


def bench_report(settings: BenchReportSettings, load: Callable[[Path], Results] = open_results) -> int:
    """Write the report and say where it is.

    Args:
        settings: flags.
        load: from the run's folder to its results.

    Raises:
        UsageError: there is no run, or ``--defended`` names no target of it, or ``--room`` no cut.
    """
    results = load(settings.run)
    results = with_trained_defences(results, trained_defences(settings.defended, results.targets))
    said = content(
        results,
        settings.run,
        max_ssim=settings.max_ssim,
        max_accuracy_loss=settings.max_accuracy_loss,
        sheet_codecs=settings.sheet_codecs,
        room=settings.room,
    )
    for path in write(said, settings.out or settings.run / "report"):
        if path.name in (HTML, MARKDOWN):
            print(path)
    return 0
