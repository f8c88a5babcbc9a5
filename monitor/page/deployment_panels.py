"""Panels on the deployment: latency by stage, losses and queues."""

from __future__ import annotations

from html import escape
from typing import Any

from nicegui import ui

from keyhole.presentation import attacks, stages
from monitor.page.elements import CHART_GREY, CHART_TEXT, card
from monitor.snapshot import LiveSnapshot
from monitor.summary import latency

_QUEUES = {
    "unmatched": "reconstructions that wait for their truth",
    "store": "writes that wait for the disk",
    "watch": "events that wait for a watcher",
}


class LatencyPanel:
    """Stacked bars of the newest answered frames, and percentiles by stage."""

    def __init__(self) -> None:
        self._shown = ""
        with card("Latency by stage", "newest answered frames, ms"), ui.element("div").classes("kh-latency"):
            self._chart = ui.echart(_latency_chart()).classes("kh-chart").props("data-testid=chart-latency")
            self._table = ui.html("", sanitize=True).classes("kh-table").props("data-testid=latency-table")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        newest = snapshot.outcomes[-1].frame_id if snapshot.outcomes else ""
        if newest == self._shown:
            return
        self._shown = newest
        percentiles = latency(outcome.stages for outcome in snapshot.outcomes)
        self._chart.options["xAxis"]["data"] = [outcome.frame_id for outcome in snapshot.outcomes]
        self._chart.options["series"] = [
            {
                "type": "bar",
                "stack": "frame",
                "name": stages.stage(name).title,
                "color": stages.stage(name).colour,
                "barCategoryGap": "12%",
                "data": [round(1000 * outcome.stages.get(name, 0.0), 3) for outcome in snapshot.outcomes],
            }
            for name in stages.parts(percentiles)
        ]
        self._chart.update()
        rows = [
            f'<tr><td><i class="kh-dot" style="background: {stages.stage(name).colour}"></i>'
            f"{escape(stages.stage(name).title)}</td><td>{_milliseconds(row.p50)}</td><td>{_milliseconds(row.p95)}</td></tr>"
            for name, row in percentiles.items()
        ]
        head = "<tr><th>stage</th><th>median</th><th>95 %</th></tr>"
        self._table.set_content(f"<table>{head}{''.join(rows)}</table>")


def _milliseconds(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:,.1f}"


def _latency_chart() -> dict[str, Any]:
    quiet = {"axisLine": {"show": False}, "axisTick": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 10, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [], "axisLabel": {"show": False}, **quiet},
        "yAxis": {
            "type": "value",
            "axisLabel": CHART_TEXT,
            "splitLine": {"lineStyle": {"color": CHART_GREY, "opacity": 0.18}},
            **quiet,
        },
        "series": [],
    }


class LossesPanel:
    """Frames dropped by reason, attacks' backlogs, the monitor's queues."""

    def __init__(self) -> None:
        with card("Drops and backlogs"):
            self._table = ui.html("", sanitize=True).classes("kh-table").props("data-testid=losses")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        dropped = sorted(snapshot.dropped.items())
        rows = [("frames the edge dropped", f"{sum(snapshot.dropped.values()):,}", "")]
        rows += [(f"because of {reason}", f"{count:,}", "kh-inset") for reason, count in dropped]
        for name in (name for name in snapshot.attacks if name in snapshot.current):
            attempt = snapshot.current[name]
            dot = f'<i class="kh-dot" style="background: {attacks.colour(name)}"></i>'
            rows.append(
                (f"{dot}{escape(snapshot.title(name))}: frames in its backlog", f"{attempt.backlog:,}", "kh-html")
            )
            rows.append(("frames it skipped", f"{attempt.skipped:,}", "kh-inset"))
        rows.append(("reconstructions without a truth", f"{snapshot.unmatched:,}", ""))
        rows += [(_QUEUES.get(name, name), f"{depth:,}", "") for name, depth in snapshot.queues.items()]
        self._table.set_content(f"<table>{''.join(_loss(*row) for row in rows)}</table>")


def _loss(name: str, value: str, kind: str) -> str:
    shown = name if kind == "kh-html" else escape(name)
    return f'<tr class="{kind}"><td>{shown}</td><td>{escape(value)}</td></tr>'
