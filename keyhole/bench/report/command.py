"""``keyhole bench-report``: a stored benchmark as HTML that needs nothing beside it, and Markdown with its pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from keyhole.bench.advice.trained import trained_defences, with_trained_defences
from keyhole.bench.report.content import ReportContent, report_content
from keyhole.bench.report.view import ReaderLimits
from keyhole.bench.results import Results
from keyhole.bench.settings import BenchReportSettings
from keyhole.bench.store import open_results
from keyhole.presentation.charts import page
from keyhole.presentation.charts.chart import INK
from keyhole.presentation.charts.png import png

HTML, MARKDOWN = "report.html", "report.md"
SHEETS, FAILURES = 8, 8
"""Contact sheets of a target and failures that Markdown shows; the page has all."""


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
    content = report_content(
        results,
        settings.run,
        ReaderLimits(
            thumbnail=settings.max_thumbnail,
            ssim=settings.max_ssim,
            accuracy_loss=settings.max_accuracy_loss,
            training_leak=settings.max_training_leak,
        ),
        sheet_codecs=settings.sheet_codecs,
        room=settings.room,
    )
    for path in write_report(content, settings.out or settings.run / "report"):
        if path.name in (HTML, MARKDOWN):
            print(path)
    return 0


def write_report(content: ReportContent, folder: Path) -> tuple[Path, ...]:
    """Write ``report.html``, ``report.md``, its first plots as PNG and its first contact sheets as JPEG.

    Returns:
        The files, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = dict(_pictures(content))
    written = {
        HTML: _environment(autoescape=True).get_template("report.html.jinja").render(content=content).encode(),
        MARKDOWN: markdown(content).encode(),
        **pictures,
    }
    for name, text in written.items():
        (folder / name).write_bytes(text)
    return tuple(folder / name for name in written)


def markdown(content: ReportContent) -> str:
    """The text of ``report.md``."""
    return _environment(autoescape=False).get_template("report.md.jinja").render(content=content)


def _pictures(content: ReportContent) -> Iterator[tuple[str, bytes]]:
    """What Markdown shows: the first charts and contact sheets."""
    for chart in content.charts:
        yield f"{chart.name}.png", png(chart)
    for section in content.sections:
        for chart in section.charts:
            yield f"{chart.name}.png", png(chart)
        for sheet in section.sheets[:SHEETS]:
            yield f"{sheet.name}.jpg", sheet.jpeg


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("keyhole.bench.report", "templates"), PackageLoader("keyhole.presentation", "templates")]
        ),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = lambda jpeg: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    environment.filters["code"] = _code
    environment.filters["cell"] = _cell
    environment.filters["headline"] = lambda error: next(iter(error.splitlines()), "")
    environment.globals.update(
        figures=page.figures,
        plotly=page.library,
        outlines=page.OUTLINES,
        strokes=page.STROKES,
        ink=INK,
        most_sheets=SHEETS,
        most_failures=FAILURES,
    )
    return environment


def _code(text: str) -> Markup:
    """Escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _cell(text: object) -> str:
    """A text as a cell of a Markdown table: on one line, with nothing in it read as markup."""
    return re.sub(r"([\\|<>*_`\[\]])", r"\\\1", " ".join(str(text).split()))
