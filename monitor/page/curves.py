"""Charts of scores over time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from monitor.alarm import Alarm
from monitor.page.elements import CHART_GREY, CHART_TEXT, card
from monitor.snapshot import LiveSnapshot, ScorePoint

_CHART_SECONDS = 1.0
_READINGS = {"ssim": "1: the truth; dots: finished", "psnr": "dB, peak 1"}
"""How a chart is read, by metric."""


class ScoreCurves:
    """A chart for each metric: a line through every score, a dot where an attack finished with a frame.

    Args:
        alarm: its threshold is drawn across the SSIM chart.
        metrics: whose values are shown; SSIM comes first.
    """

    def __init__(self, alarm: Alarm, metrics: Sequence[Metric]) -> None:
        self._alarm = alarm
        self._shown: tuple[int, float] | None = None
        self._due = 0.0
        with ui.element("div").classes("kh-curves"):
            ordered = sorted(metrics, key=lambda metric: metric.name != "ssim")
            self._charts = {metric: self._chart(metric) for metric in ordered}

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present, once a second at most."""
        state, now = (snapshot.version, self._alarm.threshold), time.monotonic()
        if state == self._shown or now < self._due:
            return
        self._shown, self._due = state, now + _CHART_SECONDS
        for metric, chart in self._charts.items():
            series = [part for name in snapshot.points for part in _series(name, snapshot, metric.name)]
            if metric.name == "ssim":
                series.append(_threshold_line(self._alarm.threshold))
            chart.options["series"] = series
            chart.update()

    @staticmethod
    def _chart(metric: Metric) -> ui.echart:
        with card(f"{metric.title} over time", _READINGS.get(metric.name, f"{metric.better} is nearer to the truth")):
            chart = ui.echart(_score_chart(*(metric.limits or (None, None))))
        return chart.classes("kh-chart").props(f'data-testid="chart-{metric.name}"')


def _series(name: str, snapshot: LiveSnapshot, quantity: str) -> list[dict[str, Any]]:
    points = snapshot.points[name]
    common = {"name": snapshot.current[name].title, "color": attacks.colour(name)}
    line = {"showSymbol": False, "lineStyle": {"width": 2, "opacity": 0.55}, "data": _coordinates(points, quantity)}
    dots = {"symbolSize": 7, "data": _coordinates([point for point in points if point.final], quantity)}
    return [{"type": "line", **common, **line}, {"type": "scatter", **common, **dots}]


def _coordinates(points: Sequence[ScorePoint], quantity: str) -> list[list[float]]:
    return [[1000 * point.at, round(point.values[quantity], 4)] for point in points if quantity in point.values]


def _threshold_line(value: float) -> dict[str, Any]:
    line = {"symbol": "none", "silent": True, "label": {"show": False}, "data": [{"yAxis": value}]}
    return {"type": "line", "data": [], "markLine": {**line, "lineStyle": {"type": "dashed", "color": "#e5534b"}}}


def _score_chart(low: float | None, high: float | None) -> dict[str, Any]:
    quiet = {"axisLabel": CHART_TEXT, "axisLine": {"show": False}, "axisTick": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"left": 0, "top": 0, "icon": "circle", "itemHeight": 9, "textStyle": CHART_TEXT},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            **quiet,
            "type": "time",
            "splitLine": {"show": False},
            "axisLabel": {**CHART_TEXT, "hideOverlap": True},
        },
        "yAxis": {
            "min": low,
            "max": high,
            "scale": True,
            "splitLine": {"lineStyle": {"color": CHART_GREY, "opacity": 0.18}},
            **quiet,
        },
        "series": [],
    }
