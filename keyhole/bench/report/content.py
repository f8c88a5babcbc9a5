"""What a report says, before it has a form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.recommendation import constraints, recommendation
from keyhole.bench.advice.sentences import sentences
from keyhole.bench.records import Failure, Results
from keyhole.bench.report import tables
from keyhole.bench.report.bars import payload_bars, stage_bars
from keyhole.bench.report.defended import curves_within, defence_curves, undefended_heads
from keyhole.bench.report.missing import missing
from keyhole.bench.report.sheets import Sheet, sheets
from keyhole.bench.report.style import Plot
from keyhole.bench.report.tables import Table
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class Section:
    """One target.

    Attributes:
        target: its name.
        advice: by link, the recommendation in sentences.
        plots: in the order in which they are shown.
        designs: what every design costs and leaks.
        attacks: what every attack got.
        sheets: contact sheets.
        missing: what was not measured, a line each.
        thin: whether fewer than 100 pictures or 3 seeds are behind some leak.
    """

    target: str
    advice: Mapping[str, Sequence[str]]
    plots: Sequence[Plot]
    designs: Table
    attacks: Table
    sheets: Sequence[Sheet]
    missing: Sequence[str]
    thin: bool


@dataclass(frozen=True)
class Content:
    """A report.

    Attributes:
        name: of the run.
        sections: one for each target.
        about: what was run, on what machine, with which seeds and commands.
        failures: cells that did not end.
    """

    name: str
    sections: Sequence[Section]
    about: Mapping[str, str]
    failures: Sequence[Failure]


def content(
    results: Results,
    run: Path,
    *,
    max_ssim: float,
    max_accuracy_loss: float,
    sheet_codecs: Sequence[str] = (),
    room: str | None = None,
) -> Content:
    """All of a report but its form.

    Args:
        results: what was measured; any part may be missing.
        run: folder that the contact sheets lie in.
        max_ssim, max_accuracy_loss: constraints of the recommendation.
        sheet_codecs: of the designs whose contact sheets are shown; empty: all.
        room: cut whose undefended head has the memory that the edge has; None: that is not asked.

    Raises:
        UsageError: no such cut, or its memory was not measured.
    """
    weighed, links = options(results), results.links
    _check_room(room, weighed)
    sections = []
    for target in results.targets:
        mine = [option for option in weighed if option.design.target == target]
        pictured = [option for option in mine if not sheet_codecs or option.design.codec in sheet_codecs]
        advice = {
            link: tuple(sentences(recommendation(mine, target, link, limits)))
            for link in links
            for limits in [constraints(link, max_ssim=max_ssim, max_accuracy_loss=max_accuracy_loss)]
        }
        sections.append(
            Section(
                target=target,
                advice=advice,
                plots=tuple(_plots(target, mine, links, room)),
                designs=tables.designs(mine, links),
                attacks=tables.attacks(mine),
                sheets=tuple(sheets(pictured, run)),
                missing=tuple(missing(mine, links)),
                thin=any(option.exposure["ssim"].thin for option in mine if "ssim" in option.exposure),
            )
        )
    return Content(run.resolve().name, sections, results.about, results.failures)


def slug(text: str) -> str:
    """
    >>> slug("pruned:runs/patrol large")
    'pruned-runs-patrol-large'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def _check_room(room: str | None, weighed: Sequence[Option]) -> None:
    known = undefended_heads(weighed)
    if room is not None and room not in known:
        raise UsageError(
            f"--room {room}: the memory of undefended heads was measured at {', '.join(known) or 'no cut'}"
        )


def _plots(target: str, mine: Sequence[Option], links: Sequence[str], room: str | None) -> Iterator[Plot]:
    drawn = (
        *(tradeoffs(mine, link) for link in links),
        defence_curves(mine),
        curves_within(mine, room) if room else (),
        *(stage_bars(mine, link) for link in links),
        payload_bars(mine),
    )
    for plot in chain.from_iterable(drawn):
        yield replace(plot, name=f"{slug(target)}-{slug(plot.name)}")
