"""Where a frame's time goes."""

from __future__ import annotations

from html import escape
from typing import Any

from nicegui import ui

from keyhole.presentation import stages
from monitor.live_state import Snapshot
from monitor.page.curves import GREY, TEXT
from monitor.page.panel import card
from monitor.summary import latency


class Latency:
    """Stacked bars of the newest answered frames, and percentiles by stage."""

    def __init__(self) -> None:
        self._shown = ""
        with card("Latency by stage", "newest answered frames, ms"), ui.element("div").classes("kh-latency"):
            self._chart = ui.echart(_options()).classes("kh-chart").props("data-testid=chart-latency")
            self._table = ui.html("", sanitize=True).classes("kh-table").props("data-testid=latency-table")

    def update(self, snapshot: Snapshot) -> None:
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
            f"{escape(stages.stage(name).title)}</td><td>{_shown(row.p50)}</td><td>{_shown(row.p95)}</td></tr>"
            for name, row in percentiles.items()
        ]
        head = "<tr><th>stage</th><th>median</th><th>95 %</th></tr>"
        self._table.set_content(f"<table>{head}{''.join(rows)}</table>")


def _shown(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:,.1f}"


def _options() -> dict[str, Any]:
    quiet = {"axisLine": {"show": False}, "axisTick": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 10, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [], "axisLabel": {"show": False}, **quiet},
        "yAxis": {
            "type": "value",
            "axisLabel": TEXT,
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.18}},
            **quiet,
        },
        "series": [],
    }
