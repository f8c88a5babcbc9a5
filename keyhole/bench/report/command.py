"""``keyhole bench-report``: a stored benchmark as HTML that needs nothing beside it, and Markdown with its pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from keyhole.bench.advice.trained import trained_defences, with_trained_defences
from keyhole.bench.records import Results
from keyhole.bench.report.content import ContactSheet, ReportContent, TargetSection, report_content, slug
from keyhole.bench.settings import BenchReportSettings
from keyhole.bench.store import open_results

HTML, MARKDOWN = "report.html", "report.md"


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
        max_ssim=settings.max_ssim,
        max_accuracy_loss=settings.max_accuracy_loss,
        sheet_codecs=settings.sheet_codecs,
        room=settings.room,
    )
    for path in write_report(content, settings.out or settings.run / "report"):
        if path.name in (HTML, MARKDOWN):
            print(path)
    return 0


def write_report(content: ReportContent, folder: Path) -> tuple[Path, ...]:
    """Write ``report.html``, ``report.md``, its plots as PNG and its contact sheets as JPEG.

    Returns:
        The files, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = dict(_pictures(content))
    written = {
        HTML: _environment(autoescape=True).get_template("report.html.jinja").render(content=content).encode(),
        MARKDOWN: _environment(autoescape=False).get_template("report.md.jinja").render(content=content).encode(),
        **pictures,
    }
    for name, text in written.items():
        (folder / name).write_bytes(text)
    return tuple(folder / name for name in written)


def sheet_file(section: TargetSection, sheet: ContactSheet) -> str:
    """Name of a contact sheet's file."""
    design = sheet.leak.design
    words = (section.target, design.cut, design.defence, design.codec, sheet.leak.attack, sheet.leak.seed)
    return f"{slug('-'.join(map(str, words)))}.jpg"


def _pictures(content: ReportContent) -> Iterator[tuple[str, bytes]]:
    for section in content.sections:
        for plot in section.plots:
            yield f"{plot.name}.png", plot.png()
        for sheet in section.sheets:
            if sheet.worst:
                yield sheet_file(section, sheet), sheet.jpeg


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
    environment.globals["sheet_file"] = sheet_file
    return environment


def _code(text: str) -> Markup:
    """Escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _cell(text: object) -> str:
    """A text as a cell of a Markdown table: on one line, with nothing in it read as markup."""
    return re.sub(r"([\\|<>*_`\[\]])", r"\\\1", " ".join(str(text).split()))
