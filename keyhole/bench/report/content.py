"""Content of a report: for each target what it leaks, what to choose, charts, tables, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.recommendation import Recommendation, recommendation
from keyhole.bench.advice.sentences import sentences
from keyhole.bench.advice.thumbnail_limit import ThumbnailLimit
from keyhole.bench.advice.wording import design_text
from keyhole.bench.provenance import source_of
from keyhole.bench.records import Design, ScaleRecord
from keyhole.bench.report import tables
from keyhole.bench.report.cells import ReportTable
from keyhole.bench.report.class_sheets import ClassSheet, class_sheets
from keyhole.bench.report.costs import payload_dots, stage_bars
from keyhole.bench.report.decision import decision, reasons
from keyhole.bench.report.defence_curves import curves_within, defence_curves, undefended_heads
from keyhole.bench.report.equivalents import EquivalentThumbnails
from keyhole.bench.report.sheets import ContactSheet, contact_sheets
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.bench.report.training import both_leaks, training_table
from keyhole.bench.report.verdict import verdict
from keyhole.bench.report.view import ReaderLimits, TargetView, slug
from keyhole.bench.results import Failure, Results
from keyhole.presentation.charts.chart import Chart
from keyhole.service.errors import UsageError

_LISTED = 6  # designs whose names a list gives


@dataclass(frozen=True)
class TargetSection:
    """One target.

    Attributes:
        target: its name.
        verdict: the recommendation over all links, a paragraph.
        advice: by link, the recommendation in sentences.
        decision: the designs that matter.
        designs: what every design costs and leaks.
        attacks: what every attack got.
        sheets: contact sheets of the strongest attack on the designs that matter.
        other_sheets: those of other attacks and designs.
        charts: what to look at first.
        other_charts: the others.
        missing: what was not measured, a line each.
        source: where the limit on what leaks is from; empty where it was asked for.
        training: what every attack on its classes got; None where none was attacked.
        class_sheets: contact sheets of these attacks.
        loaded: that latencies were taken while the machine did other work; empty: none were.
        thin: whether less than a conclusion needs is behind some leak; see `keyhole.evaluation.evidence`.
    """

    target: str
    verdict: str
    advice: Mapping[str, Sequence[str]]
    decision: ReportTable
    designs: ReportTable
    attacks: ReportTable
    sheets: Sequence[ContactSheet]
    other_sheets: Sequence[ContactSheet]
    charts: Sequence[Chart]
    other_charts: Sequence[Chart]
    missing: Sequence[str]
    loaded: str
    thin: bool
    source: str = ""
    training: ReportTable | None = None
    class_sheets: Sequence[ClassSheet] = ()


@dataclass(frozen=True)
class ReportContent:
    """A report, before it is HTML or Markdown.

    Attributes:
        name: of the run.
        sections: one for each target.
        provenance: what was run, on what machine, with which seeds and commands.
        failures: cells that did not end.
        charts: over all targets.
    """

    name: str
    sections: Sequence[TargetSection]
    provenance: Mapping[str, str]
    failures: Sequence[Failure]
    charts: Sequence[Chart] = ()


def report_content(
    results: Results,
    run: Path,
    limits: ReaderLimits,
    *,
    sheet_codecs: Sequence[str] = (),
    room: str | None = None,
) -> ReportContent:
    """All of a report but its form.

    Args:
        results: what was measured; any part may be missing.
        run: folder that the contact sheets lie in.
        limits: of the recommendation.
        sheet_codecs: of the designs whose contact sheets are shown; empty: all.
        room: cut whose undefended head has the memory that the edge has; None: that is not asked.

    Raises:
        UsageError: no such cut, or its memory was not measured.
    """
    weighed = options(results)
    _check_room(room, weighed)
    sections, views = [], []
    for target in results.targets:
        mine = [option for option in weighed if option.design.target == target]
        pictured = [option for option in mine if not sheet_codecs or option.design.codec in sheet_codecs]
        scale = results.scale(target)
        equivalents = EquivalentThumbnails(scale) if scale else None
        sheets = tuple(contact_sheets(pictured, run, equivalents))
        asked, source = _limits(limits, scale, source_of(results.provenance))
        view = TargetView(target, mine, results.links, asked, _shown_by(sheets), equivalents)
        made, of_classes = _section(view, sheets, room), training_table(view.name, mine, results.training_sets)
        of_each = tuple(class_sheets(mine, results.training_sets, run))
        table = of_classes if of_classes.rows else None
        sections.append(replace(made, source=source, training=table, class_sheets=of_each))
        views.append(view)
    charts = tuple(both_leaks(views, limits.training_leak))
    return ReportContent(run.resolve().name, sections, results.provenance, results.failures, charts)


def _limits(asked: ReaderLimits, scale: ScaleRecord | None, pictures: str | None) -> tuple[ReaderLimits, str]:
    """The limits of a target, and a sentence on where that on what leaks is from.

    Without a scale and without a limit there is none on what leaks.
    """
    if asked.thumbnail is None and asked.ssim is None and scale:
        limit = ThumbnailLimit.of(scale, pictures)
        return replace(asked, thumbnail=limit.side), limit.source
    if asked.thumbnail is not None and scale is None:
        raise UsageError(
            "--max-thumbnail: a target's pictures have no scale to tell thumbnails by; `keyhole bench --only scale` "
            "with the other flags of the run adds it, or give --max-ssim"
        )
    return asked, ""


def _shown_by(sheets: Sequence[ContactSheet]) -> dict[Design, str]:
    """By design, the sheet of the strongest attack."""
    return {design: sheet.name for sheet in sheets if sheet.strongest for design in sheet.designs}


def _section(view: TargetView, sheets: Sequence[ContactSheet], room: str | None) -> TargetSection:
    advice = {link: _advice(view, link) for link in view.links}
    matter = reasons(view, advice)
    first = [sheet for sheet in sheets if sheet.strongest and not matter.keys().isdisjoint(sheet.designs)]
    leak, *others = (*tradeoffs(view), None)
    charts = [*([leak] if leak else []), *(curves_within(view, room) if room else ())]
    return TargetSection(
        target=view.target,
        verdict=verdict(advice),
        advice={link: tuple(sentences(found)) for link, found in advice.items()},
        decision=decision(view, advice),
        designs=tables.designs(view),
        attacks=tables.attacks(view),
        sheets=first,
        other_sheets=[sheet for sheet in sheets if sheet not in first],
        charts=[_of_target(view, chart) for chart in charts],
        other_charts=[_of_target(view, chart) for chart in (*others, *_charts(view)) if chart],
        missing=(*missing_measurements(view.options, view.links), *_no_scale(view)),
        loaded=_loaded(view),
        thin=any(option.exposure["ssim"].thin for option in view.options if "ssim" in option.exposure),
    )


def _loaded(view: TargetView) -> str:
    loads = [found.load for option in view.options for found in option.latencies.values() if found.load]
    heavy = [load for load in loads if load.heavy]
    if not heavy:
        return ""
    most = max(heavy, key=lambda load: load.busy)
    return (
        f"{len(heavy)} of {len(loads)} latencies were taken while other work kept up to {most.busy:.1f} of "
        f"{most.cores} cores busy: they may be too long, and ties wrong."
    )


def _advice(view: TargetView, link: str) -> Recommendation:
    limits = view.limits
    asked = constraints(
        link,
        max_thumbnail=limits.thumbnail,
        max_ssim=limits.ssim,
        max_accuracy_loss=limits.accuracy_loss,
        max_latency=limits.latency,
        max_training_leak=limits.training_leak,
    )
    return recommendation(view.options, view.target, link, asked)


def _no_scale(view: TargetView) -> Iterator[str]:
    if view.scale is None and any(option.leaks for option in view.options):
        yield (
            "Scale: missing, so nobody can tell these leaks from what an attacker gets who has seen no frame, nor "
            "state them as thumbnails. `keyhole bench --only scale` with the other flags of the run adds it."
        )


def missing_measurements(options: Sequence[Option], links: Sequence[str]) -> Iterator[str]:
    """A line for each measurement that some designs of a target lack."""
    splits = [option for option in options if option.splits]
    attacked = any(option.training for option in options)
    lacking = {
        **{f"latency over {link}": [each for each in splits if each.p50(link) is None] for link in links},
        "leak": [option for option in splits if option.leak() is None],
        **{f"leak to {attack}": _untried(splits, attack) for attack in _attack_names(splits)},
        "accuracy": [option for option in splits if option.accuracy is None],
        "an undefended fp32 design to lose accuracy against": [
            option for option in splits if option.accuracy and option.loss is None
        ],
        "profile": [option for option in splits if option.profile is None],
        "training-set leak": [option for option in splits if option.training is None and attacked],
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


def _check_room(room: str | None, weighed: Sequence[Option]) -> None:
    known = undefended_heads(weighed)
    if room is not None and room not in known:
        raise UsageError(
            f"--room {room}: the memory of undefended heads was measured at {', '.join(known) or 'no cut'}"
        )


def _charts(view: TargetView) -> Iterator[Chart]:
    yield from defence_curves(view)
    yield from stage_bars(view)
    yield from payload_dots(view)


def _of_target(view: TargetView, chart: Chart) -> Chart:
    return replace(chart, name=f"{view.name}-{slug(chart.name)}")
