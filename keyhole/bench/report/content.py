"""Content of a report: sections with advice, plots, tables and contact sheets, and what was not measured."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from PIL import Image

from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.recommendation import recommendation
from keyhole.bench.advice.sentences import sentences
from keyhole.bench.advice.wording import design_text
from keyhole.bench.records import Failure, LeakRecord, Results
from keyhole.bench.report import tables
from keyhole.bench.report.cost_bars import payload_bars, stage_bars
from keyhole.bench.report.defence_curves import curves_within, defence_curves, undefended_heads
from keyhole.bench.report.figures import Plot
from keyhole.bench.report.tables import ReportTable
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.service.errors import UsageError

_LARGEST_SHEET = (300, 1200)  # width and height, pixels
_LISTED = 6  # designs whose names a list gives


@dataclass(frozen=True)
class ContactSheet:
    """Truths beside what an attack made of them.

    Attributes:
        leak: whose.
        jpeg: the picture, small.
        size: of it, width and height.
        worst: whether no attack on the design got more.
    """

    leak: LeakRecord
    jpeg: bytes
    size: tuple[int, int]
    worst: bool

    @property
    def ssim(self) -> float | None:
        """Mean over the pictures of this attack and seed."""
        values = self.leak.scores.get("ssim")
        return sum(values) / len(values) if values else None


@dataclass(frozen=True)
class TargetSection:
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
    designs: ReportTable
    attacks: ReportTable
    sheets: Sequence[ContactSheet]
    missing: Sequence[str]
    thin: bool


@dataclass(frozen=True)
class ReportContent:
    """A report, before it is HTML or Markdown.

    Attributes:
        name: of the run.
        sections: one for each target.
        provenance: what was run, on what machine, with which seeds and commands.
        failures: cells that did not end.
    """

    name: str
    sections: Sequence[TargetSection]
    provenance: Mapping[str, str]
    failures: Sequence[Failure]


def report_content(
    results: Results,
    run: Path,
    *,
    max_ssim: float,
    max_accuracy_loss: float,
    sheet_codecs: Sequence[str] = (),
    room: str | None = None,
) -> ReportContent:
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
            TargetSection(
                target=target,
                advice=advice,
                plots=tuple(_plots(target, mine, links, room)),
                designs=tables.designs(mine, links),
                attacks=tables.attacks(mine),
                sheets=tuple(contact_sheets(pictured, run)),
                missing=tuple(missing_measurements(mine, links)),
                thin=any(option.exposure["ssim"].thin for option in mine if "ssim" in option.exposure),
            )
        )
    return ReportContent(run.resolve().name, sections, results.provenance, results.failures)


def contact_sheets(options: Sequence[Option], run: Path) -> Iterator[ContactSheet]:
    """One for each attack on each design, of its first seed; those that are gone or broken are left out.

    Designs that leak the same share a sheet, which comes once.
    """
    shown: set[str] = set()
    for option in options:
        first: dict[str, LeakRecord] = {}
        for leak in sorted(option.leaks, key=lambda leak: leak.seed):
            first.setdefault(leak.attack, leak)
        most = option.exposure.get("ssim")
        for leak in first.values():
            if leak.sheet and leak.sheet not in shown and (small := _small(run / leak.sheet)):
                shown.add(leak.sheet)
                yield ContactSheet(leak, *small, worst=bool(most and most.attack == leak.attack))


def _small(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except OSError:
        return None
    picture.thumbnail(_LARGEST_SHEET)
    page = io.BytesIO()
    picture.save(page, "JPEG", quality=75)
    return page.getvalue(), picture.size


def missing_measurements(options: Sequence[Option], links: Sequence[str]) -> Iterator[str]:
    """A line for each measurement that some designs of a target lack."""
    splits = [option for option in options if option.splits]
    lacking = {
        **{f"latency over {link}": [each for each in splits if each.p50(link) is None] for link in links},
        "leak": [option for option in splits if option.leak() is None],
        **{f"leak to {attack}": _untried(splits, attack) for attack in _attack_names(splits)},
        "accuracy": [option for option in splits if option.accuracy is None],
        "an undefended fp32 design to lose accuracy against": [
            option for option in splits if option.accuracy and option.loss is None
        ],
        "profile": [option for option in splits if option.profile is None],
    }
    if not links:
        yield "Latency: nothing is timed yet."
    for what, without in lacking.items():
        if without and len(without) == len(splits):
            yield f"{_capital(what)}: missing for every design."
        elif without:
            names = [design_text(option.design) for option in without[:_LISTED]]
            more = [f"{len(without) - _LISTED} more"] if len(without) > _LISTED else []
            yield f"{_capital(what)}: missing for {'; '.join([*names, *more])}."


def _attack_names(options: Sequence[Option]) -> list[str]:
    return list(dict.fromkeys(leak.attack for option in options for leak in option.leaks))


def _untried(options: Sequence[Option], attack: str) -> list[Option]:
    """Designs that other attacks were tried on, so that theirs may not be the strongest."""
    return [option for option in options if option.leaks and attack not in {leak.attack for leak in option.leaks}]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def slug(text: str) -> str:
    """A text as part of a file's name: letters, digits, dots and hyphens.

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
