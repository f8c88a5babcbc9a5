"""Charts of scores over time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from monitor.alarm import Alarm
from monitor.leak_meter import WINDOW, LeakPoint
from monitor.page.elements import CHART_GREY, CHART_TEXT, card
from monitor.snapshot import LiveSnapshot, ScorePoint

_CHART_SECONDS = 1.0
_NOTHING = 0.5
_READINGS = {"ssim": "1: the truth; dots: finished", "psnr": "dB, peak 1"}
"""How a chart is read, by metric."""


class ScoreCurves:
    """A chart of the attacks' leaks as thumbnails, then one for each metric: a line through every score, a dot where an
    attack finished with a frame.

    Args:
        alarm: its threshold is drawn across the chart of its unit.
        metrics: whose values are shown; SSIM comes first.
    """

    def __init__(self, alarm: Alarm, metrics: Sequence[Metric]) -> None:
        self._alarm = alarm
        self._shown: tuple[object, ...] = ()
        self._due = 0.0
        with ui.element("div").classes("kh-curves"):
            with card("Equivalent thumbnail over time", f"px, of the newest {WINDOW} finished frames"):
                self._leaks = ui.echart(_leak_chart()).classes("kh-chart").props("data-testid=chart-thumbnail")
            ordered = sorted(metrics, key=lambda metric: metric.name != "ssim")
            self._charts = {metric: self._chart(metric) for metric in ordered}

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present, once a second at most."""
        threshold, now = self._alarm.threshold, time.monotonic()
        points = tuple(len(each) for each in snapshot.leak_points.values())
        state = snapshot.version, threshold, points, tuple(snapshot.leaks.values())
        if state == self._shown or now < self._due:
            return
        self._shown, self._due = state, now + _CHART_SECONDS
        drawn = [_leak_series(name, snapshot) for name in snapshot.attacks if name in snapshot.leak_points]
        if threshold.unit == "px":
            drawn.append(_threshold_line(max(_NOTHING, threshold.value)))
        self._leaks.options["series"] = drawn
        self._leaks.update()
        for metric, chart in self._charts.items():
            names = (name for name in (*snapshot.attacks, attacks.BLIND) if name in snapshot.points)
            series = [part for name in names for part in _series(name, snapshot, metric.name)]
            if metric.name == "ssim" and threshold.unit == "SSIM":
                series.append(_threshold_line(threshold.value))
            chart.options["series"] = series
            chart.update()

    @staticmethod
    def _chart(metric: Metric) -> ui.echart:
        with card(f"{metric.title} over time", _READINGS.get(metric.name, f"{metric.better} is nearer to the truth")):
            chart = ui.echart(_score_chart(*(metric.limits or (None, None))))
        return chart.classes("kh-chart").props(f'data-testid="chart-{metric.name}"')


def _series(name: str, snapshot: LiveSnapshot, quantity: str) -> list[dict[str, Any]]:
    points = snapshot.points[name]
    common = {"name": snapshot.title(name), "color": attacks.colour(name)}
    kind = "dashed" if attacks.is_blind(name) else "solid"
    style = {"width": 2, "opacity": 0.55, "type": kind}
    line = {"type": "line", **common, "showSymbol": False, "lineStyle": style, "data": _coordinates(points, quantity)}
    if attacks.is_blind(name):
        return [line]
    finished = _coordinates([point for point in points if point.final], quantity)
    return [line, {"type": "scatter", **common, "symbolSize": 7, "data": finished}]


def _leak_series(name: str, snapshot: LiveSnapshot) -> dict[str, Any]:
    points = snapshot.leak_points[name]
    now = [LeakPoint(snapshot.now, points[-1].leak)]
    data = [[1000 * at.at, round(max(_NOTHING, at.leak.thumbnail.side), 2)] for at in (*points, *now)]
    look = {"step": "end", "symbolSize": 5, "lineStyle": {"width": 2}, "data": data}
    return {"type": "line", "name": snapshot.title(name), "color": attacks.colour(name), **look}


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
        "legend": {"type": "scroll", "left": 0, "top": 0, "icon": "circle", "itemHeight": 9, "textStyle": CHART_TEXT},
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


def _leak_chart() -> dict[str, Any]:
    """Each doubling of the thumbnail is as high; what is nothing lies on the axis."""
    chart = _score_chart(_NOTHING, None)
    text = f"side => side <= {_NOTHING} ? 'nothing' : side"
    chart["yAxis"] |= {"type": "log", "logBase": 2, "axisLabel": {**CHART_TEXT, ":formatter": text}}
    return chart
