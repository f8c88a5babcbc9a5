"""Panels on the attacks: pictures beside their truths, scores over time, and the frames attacked before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.metrics.registry import METRICS
from keyhole.presentation import attacks
from monitor.live_state import Alarm, AttackedFrame, Attempt, LiveSnapshot, ScorePoint
from monitor.page.elements import CHART_GREY, CHART_TEXT, Photo, card
from monitor.validation import TRUTH

_CHART_SECONDS = 1.0
_READINGS = {"ssim": "1: the truth; dots: finished", "psnr": "dB, peak 1"}
"""How a chart is read, by metric."""
RECENT_FRAMES = 8


class AttackCards:
    """One `AttackCard` for each attack, in order, as large as the screen allows.

    Args:
        alarm: says what is recognisable.
        metrics: whose values are shown.
    """

    def __init__(self, alarm: Alarm, metrics: Sequence[Metric]) -> None:
        self._alarm = alarm
        self._metrics = metrics
        self._cards: dict[str, AttackCard] = {}
        self._row = ui.element("div").classes("kh-stage")
        with self._row:
            ui.label("Pictures appear here when the first attack submits a reconstruction.").classes("kh-empty")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        if tuple(self._cards) != snapshot.attacks:
            self._row.clear()
            with self._row:
                self._cards = {name: AttackCard(name, self._metrics) for name in snapshot.attacks}
        for name, shown in self._cards.items():
            settled = snapshot.settled.get(name)
            shown.update(snapshot.current[name], self._alarm.threshold, settled.recovery if settled else None)


class AttackCard:
    """What one attack shows now.

    Args:
        name: the attack.
        metrics: whose values are shown.
    """

    def __init__(self, name: str, metrics: Sequence[Metric]) -> None:
        self._name = name
        with ui.element("section").classes("kh-card kh-attack").props(f"data-testid=attack-{name}") as self._card:
            self._card.style(f"--tone: {attacks.colour(name)}")
            with ui.element("div").classes("kh-card-head"):
                ui.element("i").classes("kh-dot")
                self._title = ui.label().classes("kh-card-title")
                self._detail = ui.label().classes("kh-faint")
                self._state = ui.label().classes("kh-pill")
            with ui.element("div").classes("kh-pair"):
                self._truth, self._frame = self._figure("truth", "seen by the edge")
                self._made, self._effort = self._figure(name, "reconstructed")
            with ui.element("div").classes("kh-scores"):
                self._ssim = self._score(METRICS["ssim"])
                with ui.element("div").classes("kh-meter"):
                    self._level = ui.element("i")
                    self._mark = ui.element("b")
                self._others = {metric: self._score(metric) for metric in metrics if metric.name != "ssim"}
            self._secrets = ui.label().classes("kh-faint").props(f"data-testid=secrets-{name}")
            self._secrets.set_visibility(False)

    def update(self, attempt: Attempt, threshold: float, recovery: Recovery | None) -> None:
        """Show the attack's newest reconstruction, and what the judge read from the last one that was finished."""
        over = attempt.ssim >= threshold
        self._card.classes(add="kh-over" if over else "", remove="" if over else "kh-over")
        self._title.set_text(attempt.title)
        self._detail.set_text(f"taps the {attempt.tap}" if attempt.tap else "")
        self._state.set_text("finished" if attempt.final else "working")
        self._state.classes(
            add="kh-done" if attempt.final else "kh-busy", remove="kh-busy" if attempt.final else "kh-done"
        )
        self._truth.show(attempt.frame_id, TRUTH)
        self._made.show(attempt.frame_id, self._name, attempt.version)
        self._frame.set_text(attempt.frame_id)
        self._effort.set_text(f"{attempt.iteration:,} steps, {attempt.seconds:.1f} s")
        self._ssim.set_text(f"{attempt.ssim:.3f}")
        for metric, shown in self._others.items():
            value = attempt.values.get(metric.name)
            shown.set_text("–" if value is None else f"{value:.{metric.brief}f}")
        self._secrets.set_visibility(recovery is not None)
        if recovery is not None:
            self._secrets.set_text(f"Judge, last finished: {_recovery_text(recovery)}")
        self._level.style(f"width: {100 * min(1.0, max(0.0, attempt.ssim)):.1f}%")
        self._mark.style(f"left: {100 * min(1.0, max(0.0, threshold)):.1f}%")

    def _figure(self, name: str, caption: str) -> tuple[Photo, ui.label]:
        with ui.element("figure"):
            photo = Photo(name).props(f"data-testid={'truth' if name == 'truth' else 'made'}-{self._name}")
            with ui.element("figcaption"):
                ui.label(caption)
                detail = ui.label().classes("kh-faint")
        return photo, detail

    def _score(self, metric: Metric) -> ui.label:
        with ui.element("div").classes("kh-score"):
            value = ui.label("–").classes("kh-value").props(f'data-testid="{metric.name}-{self._name}"')
            ui.label(f"{metric.unit} {metric.title}".lstrip()).classes("kh-faint")
        return value


def _recovery_text(found: Recovery) -> str:
    """What the judge read from one picture, in a line.

    >>> _recovery_text(Recovery(("AB12CD", "AB12CO"), {"hat": ("cap", "cap"), "hair": ("red", "bald")}, True, 30))
    'plate 5 of 6 glyphs · people 1 of 2 · vehicle recognised'
    """
    parts = []
    right, asked = found.glyphs
    if asked:
        parts.append(f"plate {right} of {asked} glyphs")
    if found.attributes:
        hits = sum(true == read for true, read in found.attributes.values())
        parts.append(f"people {hits} of {len(found.attributes)}")
    if found.identified is not None:
        parts.append("vehicle recognised" if found.identified else "vehicle not recognised")
    return " · ".join(parts)


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
            series = [part for name in snapshot.attacks for part in _series(name, snapshot, metric.name)]
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


class RecentFrames:
    """A strip of the newest attacked frames.

    Args:
        alarm: says what is recognisable.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._attacks: tuple[str, ...] = ()
        self._frames: list[FramePictures] = []
        with card("Frames attacked", "those that most attacks worked on, the newest first"):
            self._row = ui.element("div").classes("kh-recent").props("data-testid=recent")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        frames = sorted(snapshot.frames, key=lambda frame: -len(frame.attempts))[:RECENT_FRAMES]
        if (self._attacks, len(self._frames)) != (snapshot.attacks, len(frames)):
            self._attacks = snapshot.attacks
            self._row.clear()
            with self._row:
                self._frames = [FramePictures(snapshot.attacks) for _ in frames]
        for drawn, frame in zip(self._frames, frames, strict=True):
            drawn.update(frame, self._alarm.threshold)


class FramePictures:
    """One frame: truth, then each attack's picture with its SSIM.

    Args:
        names: the attacks, in order.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        with ui.element("div").classes("kh-slot"):
            with ui.element("div").classes("kh-slot-row"):
                self._truth, _ = self._figure(TRUTH, "inherit")
                self._made = {name: self._figure(name, attacks.colour(name)) for name in names}
            self._label = ui.label().classes("kh-faint kh-clip")

    def update(self, frame: AttackedFrame, threshold: float) -> None:
        """Show a frame."""
        self._truth.show(frame.frame_id, TRUTH)
        self._label.set_text(f"{frame.frame_id}, {frame.label}" if frame.label else frame.frame_id)
        for name, (photo, caption) in self._made.items():
            attempt = frame.attempts.get(name)
            photo.show(frame.frame_id if attempt else None, name, attempt.version if attempt else 0)
            caption.set_text(f"{attempt.ssim:.2f}" if attempt else "–")
            over = attempt is not None and attempt.ssim >= threshold
            caption.classes(add="kh-over" if over else "", remove="" if over else "kh-over")

    @staticmethod
    def _figure(name: str, colour: str) -> tuple[Photo, ui.label]:
        with ui.element("figure").style(f"--tone: {colour}"):
            photo = Photo(name)
            caption = ui.label("truth" if name == TRUTH else "").classes("kh-slot-caption")
        return photo, caption
