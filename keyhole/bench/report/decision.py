"""The table that decides: the designs that matter, over all links, with the limits that each breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keyhole.bench.advice.options import Option
from keyhole.bench.advice.recommendation import Recommendation
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.bench.report.cells import Cell, ReportTable
from keyhole.bench.report.columns import BLIND, blind_row
from keyhole.bench.report.leakage import headline
from keyhole.bench.report.tradeoff import front_over
from keyhole.bench.report.view import TargetView, design_name

RECOMMENDED, RUNNER_UP, FRONT = "recommended", "runner-up", "front"
_WHOLE = {EDGE_ONLY: "whole model on the edge", CLOUD_ONLY: "picture to the cloud"}
_BREAKS = "\N{NO-BREAK SPACE}✗"


def decision(view: TargetView, advice: Mapping[str, Recommendation]) -> ReportTable:
    """A row for each design that `reasons` names, from the picture in the cloud to the whole model on the edge, and one
    for the blind attacker.

    Args:
        view: the target.
        advice: by link.
    """
    why = reasons(view, advice)
    order = {CLOUD_ONLY: -1, EDGE_ONLY: 1}
    shown = sorted(
        (option for option in view.options if option.design in why), key=lambda each: order.get(each.design.cut, 0)
    )
    rows = tuple(
        (
            Cell(design_name(option.design), link=view.pictures.get(option.design, "")),
            Cell("; ".join(why[option.design]), chosen=any(RECOMMENDED in reason for reason in why[option.design])),
            *(_marked(column.cell(option), over=column.breaks(option)) for column in view.columns),
        )
        for option in shown
    )
    if view.scale:
        blind = blind_row(view.columns, view.scale)
        rows = (*rows, (Cell(BLIND), Cell("sees no frame"), *blind))
    headings = ("design", "why it is here", *(column.heading for column in view.columns))
    return ReportTable(f"decision-{view.name}", headings, rows, words=2)


def reasons(view: TargetView, advice: Mapping[str, Recommendation]) -> dict[Design, tuple[str, ...]]:
    """Why a design matters: recommended, the next best, or on the front, over some links; or it does not split."""
    over: dict[Design, dict[str, list[str]]] = {}
    for link, found in advice.items():
        named: dict[str, Sequence[Option | None]] = {
            RECOMMENDED: [found.chosen],
            RUNNER_UP: [found.runner_up],
            FRONT: front_over(view, link, headline(view)),
        }
        for reason, options in named.items():
            for option in options:
                if option is not None:
                    over.setdefault(option.design, {}).setdefault(reason, []).append(link)
    said = {
        design: tuple(f"{reason} ({_over(links, view.links)})" for reason, links in found.items())
        for design, found in over.items()
    }
    whole = {
        option.design: (_WHOLE[option.design.cut], *said.get(option.design, ()))
        for option in view.options
        if not option.splits
    }
    return {**said, **whole}


def _over(links: Sequence[str], all_links: Sequence[str]) -> str:
    return "all links" if len(links) == len(all_links) > 1 else ", ".join(links)


def _marked(cell: Cell, *, over: bool) -> Cell:
    return replace(cell, text=cell.text + _BREAKS, over=True) if over else cell
