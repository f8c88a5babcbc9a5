"""The report of a run: ``summary.json``, ``contact-sheet.png`` and ``report.html``, from what is stored."""

from __future__ import annotations

import base64
import io
import json
import os
import platform
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from keyhole.judge.recovery import GLYPH_CHANCE, SecretRecovery
from keyhole.presentation import attacks, stages
from monitor import figures
from monitor.deployment import threat_model
from monitor.examples import Examples, choose_examples
from monitor.history import History, read_history
from monitor.settings import ReportSettings
from monitor.store import PICTURES
from monitor.summary import Summary, summarise

SUMMARY, CONTACT_SHEET, REPORT = "summary.json", "contact-sheet.png", "report.html"
_SHEET_ROWS, _FRAMES = 7, 15


def report(settings: ReportSettings) -> int:
    """Write summary, contact sheet and report beside the run and say where they are."""
    summary = write_report(settings.run, url=settings.database, threshold=settings.alarm_ssim)
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(summary.as_json(), indent=2) + "\n")
    for name in (SUMMARY, CONTACT_SHEET, REPORT):
        if (settings.run / name).exists():
            print(settings.run / name)
    return 0


def write_report(run: Path, url: str | None = None, threshold: float = 0.3) -> Summary:
    """Write the three files into the run's folder; each appears whole or not at all.

    Without a scored picture that is still kept there is no contact sheet.

    Args:
        run: the run's folder. The monitor that writes it may be at work.
        url: the run's database, where it is not the one in the folder.
        threshold: SSIM from which a reconstruction counts as recognisable.

    Raises:
        keyhole.service.errors.UsageError: there is no run.
    """
    history = read_history(run, url)
    summary = summarise(history)
    _write(run / SUMMARY, (json.dumps(summary.as_json(), indent=2) + "\n").encode())
    examples = choose_examples(run / PICTURES, history.scores, _FRAMES)
    titles = _titles(summary)
    if examples.frames:
        page = io.BytesIO()
        figures.frame_sheet(choose_examples(run / PICTURES, history.scores, _SHEET_ROWS), titles).save(
            page, "PNG", compress_level=2
        )
        _write(run / CONTACT_SHEET, page.getvalue())
    _write(run / REPORT, _page(run.resolve().name, history, summary, examples, threshold).encode())
    return summary


def _page(name: str, history: History, summary: Summary, examples: Examples, threshold: float) -> str:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("monitor", "templates"), PackageLoader("keyhole.presentation", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    timed = [frame for frame in history.answered if stages.parts(frame.stages)]
    environment.filters["picture"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode()
    return environment.get_template("report.html.jinja").render(
        name=name,
        written=datetime.now(UTC),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        summary=summary,
        titles=_titles(summary),
        colours={attack: attacks.colour(attack) for attack in summary.attacks},
        recognised={attack: _recognised(history, attack, threshold) for attack in summary.attacks},
        threshold=threshold,
        secrets={name: tuple(_secret_rows(row.secrets)) for name, row in summary.attacks.items() if row.secrets},
        examples=examples,
        labels=history.labels,
        stages={stage: stages.stage(stage) for stage in stages.parts(summary.latency_ms)},
        payload_kib=history.answered[-1].payload_bytes / 1024 if history.answered else None,
        threat_model=threat_model(summary.deployment, frozenset(score.tap for score in history.scores))
        if summary.deployment
        else (),
        metrics=history.metrics,
        score_plots=[
            figures.scores_over_time(history.scores, metric, threshold if metric.name == "ssim" else None)
            for metric in sorted(history.metrics, key=lambda metric: metric.name != "ssim")
        ],
        latency_plot=figures.latency_by_stage(timed) if timed else None,
    )


def _titles(summary: Summary) -> dict[str, str]:
    """Heading by attack, in the order in which attacks are shown."""
    return {name: attacks.title(name, summary.attacks[name].knowledge) for name in attacks.in_order(summary.attacks)}


def _recognised(history: History, attack: str, threshold: float) -> int:
    return sum(score.ssim >= threshold for score in history.scores if score.attack == attack)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{threading.get_ident()}.part")
    partial.write_bytes(content)
    os.replace(partial, path)


def _secret_rows(found: SecretRecovery) -> Iterator[tuple[str, float, float, int]]:
    """Rows of a report: secret, share recovered, share by guessing, how often it was asked."""
    if found.glyph_accuracy is not None:
        yield "plate, glyphs", found.glyph_accuracy, GLYPH_CHANCE, found.glyphs
    for name, score in found.attributes.items():
        yield name, score.accuracy, score.majority, score.n
    if found.identity_rank_1 is not None and found.gallery_mean:
        yield "vehicle, rank-1", found.identity_rank_1, 1 / found.gallery_mean, found.identities
