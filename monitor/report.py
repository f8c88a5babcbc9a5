"""The report of a run: ``summary.json``, ``contact-sheet.png`` and ``report.html``, from what is stored."""

from __future__ import annotations

import base64
import io
import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from keyhole.judge.legibility import SECRETS
from keyhole.judge.recovery import GLYPH_CHANCE, SecretRecovery
from keyhole.metrics.base import Metric
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation import attacks, stages
from keyhole.service.files import replacing
from keyhole.service.memory import uncollected
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.pictures import measure_picture
from monitor import figures
from monitor.alarm_threshold import AlarmThreshold, chosen_threshold, unjudged_threshold
from monitor.boxes_svg import boxes_svg
from monitor.class_wall import ClassWall
from monitor.class_words import verdict_text, wall_lines
from monitor.deployment import threat_model
from monitor.examples import Examples, choose_examples
from monitor.history import History, LastScore, read_history
from monitor.leaks import AttackLeak
from monitor.settings import ReportSettings
from monitor.summary import Summary, summarise

SUMMARY, CONTACT_SHEET, REPORT = "summary.json", "contact-sheet.png", "report.html"
_SHEET_ROWS, _FRAMES = 7, 15


def report(settings: ReportSettings) -> int:
    """Write summary, contact sheet and report beside the run and say where they are."""
    summary = write_report(settings.run, url=settings.database, threshold=chosen_threshold(settings))
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(summary.as_json(), indent=2) + "\n")
    for name in (SUMMARY, CONTACT_SHEET, REPORT):
        if (settings.run / name).exists():
            print(settings.run / name)
    return 0


@uncollected()
def write_report(run: Path, url: str | None = None, threshold: AlarmThreshold | None = None) -> Summary:
    """Write the three files into the run's folder; each appears whole or not at all.

    Without a scored picture that is still kept there is no contact sheet.

    Args:
        run: the run's folder. The monitor that writes it may be at work.
        url: the run's database, where it is not the one in the folder.
        threshold: from which on a leak counts; None: as the run has it, or that where no judge can be asked.

    Raises:
        keyhole.service.errors.UsageError: there is no run.
    """
    history = read_history(run, url)
    summary = summarise(history)
    _write(run / SUMMARY, (json.dumps(summary.as_json(), indent=2) + "\n").encode())
    threshold = threshold or history.threshold or unjudged_threshold("the run has none of its own")
    examples = choose_examples(run, history, _FRAMES)
    titles = _titles(summary)
    if examples.frames:
        sheet = figures.frame_sheet(choose_examples(run, history, _SHEET_ROWS), titles, history.leaks)
        page = io.BytesIO()
        sheet.save(page, "PNG", compress_level=2)
        _write(run / CONTACT_SHEET, page.getvalue())
    _write(run / REPORT, _page(run.resolve().name, history, summary, examples, threshold).encode())
    return summary


def _page(name: str, history: History, summary: Summary, examples: Examples, threshold: AlarmThreshold) -> str:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("monitor", "templates"), PackageLoader("keyhole.presentation", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    timed = [frame for frame in history.answered if stages.parts(frame.stages)]
    leaks, wall = frame_leaks(history), ClassWall(history.classes).snapshot()
    read = {name: row.secrets.shares() for name, row in summary.attacks.items() if row.secrets}
    metrics = sorted(history.metrics, key=lambda metric: metric.name != HEADLINE)
    environment.filters["picture"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode()
    return environment.get_template("report.html.jinja").render(
        name=name,
        written=datetime.now(UTC),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        summary=summary,
        titles=_titles(summary),
        colours={attack: attacks.colour(attack) for attack in summary.attacks},
        leaks={(score.frame, score.attack): leak for score, leak in leaks},
        reached=_reached(leaks, threshold),
        threshold=threshold,
        read=read,
        asked=[name for name in SECRETS if any(name in shares for shares in read.values())],
        secrets={name: tuple(_secret_rows(row.secrets)) for name, row in summary.attacks.items() if row.secrets},
        missing=_missing(history),
        examples=examples,
        boxes=_boxes(examples),
        labels=history.labels,
        stages={stage: stages.stage(stage) for stage in stages.parts(summary.latency_ms)},
        payload_kib=history.answered[-1].payload_bytes / 1024 if history.answered else None,
        threat_model=threat_model(
            summary.deployment, frozenset(score.tap for score in history.scores), breached=wall is not None
        )
        if summary.deployment
        else (),
        wall=wall,
        wall_lines=list(wall_lines(wall)) if wall else [],
        verdict_text=verdict_text,
        metrics=metrics,
        score_plots=_plots(history, summary, leaks, threshold, metrics),
        latency_plot=figures.latency_by_stage(timed) if timed else None,
    )


def _boxes(examples: Examples) -> dict[str, str]:
    """Drawings of what the cloud found, by frame; a class has one colour in all of them."""
    colours: dict[str, str] = {}
    return {
        example.frame_id: boxes_svg(
            example.found, measure_picture(Picture(png=example.truth), field="picture"), colours
        )
        for example in examples.frames
        if example.found
    }


def frame_leaks(history: History) -> list[tuple[LastScore, AttackLeak]]:
    """What each score that counts gives away of its frame, where the frame's scale was measured."""
    scores = (*history.scores, *history.floor)
    leaks = history.leaks.leak_of_each([(score.frame, score.ssim) for score in scores])
    return [(score, leak) for score, leak in zip(scores, leaks, strict=True) if leak]


def _reached(leaks: Sequence[tuple[LastScore, AttackLeak]], threshold: AlarmThreshold) -> dict[str, tuple[int, int]]:
    """By attack, frames whose leak reaches the threshold, and frames whose leak is known."""
    counts: dict[str, tuple[int, int]] = {}
    for score, leak in leaks:
        name = attacks.BLIND if attacks.is_blind(score.attack) else score.attack
        over, known = counts.get(name, (0, 0))
        counts[name] = over + threshold.reached(leak), known + 1
    return counts


def _plots(
    history: History,
    summary: Summary,
    leaks: Sequence[tuple[LastScore, AttackLeak]],
    threshold: AlarmThreshold,
    metrics: Sequence[Metric],
) -> list[str]:
    """Thumbnails over time, where there are any, then each metric."""
    if not history.scores:
        return []
    in_pixels = threshold.unit == "px"
    sides: dict[str, list[tuple[float, float]]] = {}
    for score, leak in leaks:
        if not attacks.is_blind(score.attack):
            sides.setdefault(score.attack, []).append((score.at, leak.thumbnail.side))
    plots = [figures.thumbnails_over_time(sides, threshold.value if in_pixels else None)] if sides else []
    blind = summary.attacks.get(attacks.BLIND)
    for metric in metrics:
        line = threshold.value if metric.name == HEADLINE and not in_pixels else None
        mean = blind.scores.get(metric.name) if blind else None
        plots.append(figures.scores_over_time(history.scores, metric, line, mean.mean if mean else None))
    return plots


def _missing(history: History) -> str:
    """What a run lacks for its leaks to be stated as thumbnails; empty where it lacks nothing."""
    if not history.scores:
        return ""
    if not history.blind:
        return "No blind attacker ran: nothing says what is scored without any frame, so no thumbnail is stated."
    if not history.scales:
        return "No thumbnails of the true pictures were scored, so no thumbnail is stated."
    return ""


def _titles(summary: Summary) -> dict[str, str]:
    """Heading by attack, in the order in which attacks are shown."""
    return {name: attacks.title(name, summary.attacks[name].knowledge) for name in attacks.in_order(summary.attacks)}


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def _secret_rows(found: SecretRecovery) -> Iterator[tuple[str, float, float, int]]:
    """Rows of a report: secret, share recovered, share by guessing, how often it was asked."""
    if found.glyph_accuracy is not None:
        yield "plate, glyphs", found.glyph_accuracy, GLYPH_CHANCE, found.glyphs
    for name, score in found.attributes.items():
        yield name, score.accuracy, score.majority, score.n
    if found.identity_rank_1 is not None and found.gallery_mean:
        yield "vehicle, rank-1", found.identity_rank_1, 1 / found.gallery_mean, found.identities
