"""A report as files: one page of HTML that needs nothing beside it, and Markdown with its pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from keyhole.bench.report.content import Content, Section, slug
from keyhole.bench.report.sheets import Sheet

HTML, MARKDOWN = "report.html", "report.md"


def write(content: Content, folder: Path) -> tuple[Path, ...]:
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


def sheet_file(section: Section, sheet: Sheet) -> str:
    """Name of a contact sheet's file."""
    design = sheet.leak.design
    words = (section.target, design.cut, design.defence, design.codec, sheet.leak.attack, sheet.leak.seed)
    return f"{slug('-'.join(map(str, words)))}.jpg"


def _pictures(content: Content) -> Iterator[tuple[str, bytes]]:
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
    """As a cell of a Markdown table: on one line, nothing in it is markup."""
    return re.sub(r"([\\|<>*_`\[\]])", r"\\\1", " ".join(str(text).split()))
