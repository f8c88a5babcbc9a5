"""SSIM and PSNR over time, by attack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from keyhole.presentation import attacks
from monitor.alarm import Alarm
from monitor.live_state import Point, Snapshot
from monitor.page.panel import card

_SECONDS_BETWEEN = 1.0
GREY = "#8a93a0"
TEXT = {"color": GREY, "fontSize": 13}


class Curves:
    """Two charts: a line through every score, a dot where an attack finished with a frame.

    Args:
        alarm: its threshold is drawn across the SSIM chart.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._shown: tuple[int, float] | None = None
        self._due = 0.0
        with ui.element("div").classes("kh-curves"):
            with card("SSIM over time", "1: the truth; dots: finished"):
                self._ssim = ui.echart(_options(0, 1)).classes("kh-chart").props("data-testid=chart-ssim")
            with card("PSNR over time", "dB, peak 1"):
                self._psnr = ui.echart(_options(None, None)).classes("kh-chart").props("data-testid=chart-psnr")

    def update(self, snapshot: Snapshot) -> None:
        """Show the present, once a second at most."""
        state, now = (snapshot.version, self._alarm.threshold), time.monotonic()
        if state == self._shown or now < self._due:
            return
        self._shown, self._due = state, now + _SECONDS_BETWEEN
        for chart, quantity in ((self._ssim, "ssim"), (self._psnr, "psnr")):
            series = [part for name in snapshot.attacks for part in _series(name, snapshot, quantity)]
            if quantity == "ssim":
                series.append(_threshold(self._alarm.threshold))
            chart.options["series"] = series
            chart.update()


def _series(name: str, snapshot: Snapshot, quantity: str) -> list[dict[str, Any]]:
    points = snapshot.points[name]
    common = {"name": snapshot.current[name].title, "color": attacks.colour(name)}
    line = {"showSymbol": False, "lineStyle": {"width": 2, "opacity": 0.55}, "data": _data(points, quantity)}
    dots = {"symbolSize": 7, "data": _data([point for point in points if point.final], quantity)}
    return [{"type": "line", **common, **line}, {"type": "scatter", **common, **dots}]


def _data(points: Sequence[Point], quantity: str) -> list[list[float]]:
    return [[1000 * point.at, round(getattr(point, quantity), 4)] for point in points]


def _threshold(value: float) -> dict[str, Any]:
    line = {"symbol": "none", "silent": True, "label": {"show": False}, "data": [{"yAxis": value}]}
    return {"type": "line", "data": [], "markLine": {**line, "lineStyle": {"type": "dashed", "color": "#e5534b"}}}


def _options(low: float | None, high: float | None) -> dict[str, Any]:
    quiet = {"axisLabel": TEXT, "axisLine": {"show": False}, "axisTick": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"left": 0, "top": 0, "icon": "circle", "itemHeight": 9, "textStyle": TEXT},
        "tooltip": {"trigger": "axis"},
        "xAxis": {**quiet, "type": "time", "splitLine": {"show": False}, "axisLabel": {**TEXT, "hideOverlap": True}},
        "yAxis": {
            "min": low,
            "max": high,
            "scale": True,
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.18}},
            **quiet,
        },
        "series": [],
    }
