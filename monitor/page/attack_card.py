"""The card of an attack: its picture of the frame that all show, its scores, and what it does now."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nicegui import ui

from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from monitor.alarm_threshold import AlarmThreshold
from monitor.page.elements import Photo, ago, brief_name
from monitor.snapshot import AttackedFrame, AttackProgress, Attempt, LiveSnapshot

_SMALLEST = 0.5


class AttackCard:
    """One attack, from when its adversary says that it runs.

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
                with ui.element("div").classes("kh-titles"):
                    self._knowledge = ui.label().classes("kh-faint")
                    self._title = ui.label().classes("kh-card-title")
                self._state = ui.label().classes("kh-pill").props(f"data-testid=state-{name}")
            self._photo = Photo(name).props(f"data-testid=made-{name}")
            with ui.element("div").classes("kh-caption"):
                self._effort = ui.label()
                self._age = ui.label().classes("kh-faint").props(f"data-testid=age-{name}")
            self._secrets = ui.label().classes("kh-secrets").props(f"data-testid=secrets-{name}")
            with ui.element("div").classes("kh-scores"):
                self._thumbnail = self._score("thumbnail", "thumbnail", "kh-large")
                with ui.element("div").classes("kh-meter"):
                    self._level = ui.element("i")
                    self._mark = ui.element("b")
            self._leak = ui.label().classes("kh-faint").props(f"data-testid=leak-{name}")
            with ui.element("div").classes("kh-others"):
                self._values = {
                    metric: self._score(metric.name, f"{metric.unit} {metric.title}".lstrip())
                    for metric in sorted(metrics, key=lambda metric: metric.name != "ssim")
                }
            with ui.element("div").classes("kh-now"):
                self._bar = ui.element("i").classes("kh-bar")
                self._inset = Photo(f"{name}, under way").props(f"data-testid=now-{name}")
                self._doing = ui.label().classes("kh-faint").props(f"data-testid=doing-{name}")

    def update(self, snapshot: LiveSnapshot, frame: AttackedFrame | None, threshold: AlarmThreshold) -> None:
        """Show the attack's reconstruction of the frame, and what it does now."""
        progress, current = snapshot.progress.get(self._name), snapshot.current.get(self._name)
        knowledge, dot, name = snapshot.title(self._name).rpartition(" · ")
        self._knowledge.set_text(knowledge + dot)
        self._title.set_text(name)
        self._show_picture(frame.attempts.get(self._name) if frame else None, snapshot.now)
        self._show_leak(snapshot, frame, threshold)
        settled = snapshot.settled.get(self._name)
        self._secrets.set_visibility(settled is not None and settled.recovery is not None)
        if settled is not None and settled.recovery is not None:
            self._secrets.set_text(f"Judge, last finished: {_recovery_text(settled.recovery)}")
        self._show_work(progress, current, frame)

    def _show_picture(self, attempt: Attempt | None, now: float) -> None:
        if attempt is None:
            self._photo.show(None, "")
            self._effort.set_text("no picture of this frame")
            self._age.set_text("")
        else:
            self._photo.show(attempt.frame_id, self._name, attempt.version)
            kept = f", told “{attempt.text}”" if attempt.text else ""
            self._effort.set_text(f"{attempt.iteration:,} steps, {attempt.seconds:.1f} s{kept}")
            self._age.set_text(f"made {ago(now - attempt.at)}")
        for metric, shown in self._values.items():
            value = attempt.values.get(metric.name) if attempt else None
            shown.set_text("–" if value is None else f"{value:.{metric.brief}f}")

    def _show_leak(self, snapshot: LiveSnapshot, frame: AttackedFrame | None, threshold: AlarmThreshold) -> None:
        """The thumbnail that this picture equals, and the one that the attack's newest pictures equal."""
        of_frame = snapshot.thumbnails.get((frame.frame_id, self._name)) if frame else None
        leak = snapshot.leaks.get(self._name)
        over = leak is not None and threshold.reached(leak)
        self._card.classes(add="kh-over" if over else "", remove="" if over else "kh-over")
        self._thumbnail.set_text(of_frame.brief if of_frame else "–")
        self._level.style(f"width: {100 * (_place(of_frame.side, of_frame.full) if of_frame else 0):.1f}%")
        known = of_frame or (leak.thumbnail if leak else None)
        self._mark.set_visibility(known is not None and threshold.unit == "px")
        self._mark.style(f"left: {100 * _place(threshold.value, known.full if known else 1):.1f}%")
        frames = f"last {leak.frames} finished" if leak and leak.frames > 1 else "one finished frame"
        self._leak.set_text(f"{leak.thumbnail.text} over its {frames}" if leak else "not compared with thumbnails yet")

    def _show_work(self, progress: AttackProgress | None, current: Attempt | None, frame: AttackedFrame | None) -> None:
        """The state, and the frame under way where that is another than the one shown."""
        state, busy = _state(progress, current)
        self._state.set_text(state)
        self._state.classes(add="kh-busy" if busy else "kh-done", remove="kh-done" if busy else "kh-busy")
        self._bar.style(f"width: {100 * (progress.trained if progress and progress.ready else 0):.1f}%")
        self._bar.set_visibility(progress is not None and progress.ready and progress.training > 0)
        elsewhere = current is not None and frame is not None and current.frame_id != frame.frame_id
        self._inset.set_visibility(elsewhere)
        if elsewhere and current is not None:
            self._inset.show(current.frame_id, self._name, current.version)
        self._doing.set_text(_doing(progress, current))

    def _score(self, name: str, title: str, size: str = "") -> ui.label:
        with ui.element("div").classes("kh-score"):
            value = ui.label("–").classes(f"kh-value {size}").props(f'data-testid="{name}-{self._name}"')
            ui.label(title).classes("kh-faint")
        return value


def _place(side: float, full: int) -> float:
    """Where a thumbnail stands between nothing, 0, and the picture, 1; each doubling is as far.

    >>> _place(0.0, 128), _place(8.0, 128), _place(128.0, 128)
    (0.0, 0.5, 1.0)
    """
    if side <= _SMALLEST or full <= _SMALLEST:
        return 0.0
    return min(1.0, math.log2(side / _SMALLEST) / math.log2(full / _SMALLEST))


def _state(progress: AttackProgress | None, current: Attempt | None) -> tuple[str, bool]:
    """What an attack is about in a word, and whether it is at work."""
    if progress is not None and not progress.ready:
        return "preparing", True
    if progress is not None and progress.trained < 1:
        return f"learning, {progress.trained:.0%}", True
    if current is None:
        return "waiting", False
    return ("finished", False) if current.final else ("working", True)


def _doing(progress: AttackProgress | None, current: Attempt | None) -> str:
    """What it does now, in a line."""
    parts = []
    if progress is not None and not progress.ready:
        parts.append("loads what it knows")
    elif current is not None and current.trained_before:
        parts.append(f"trained before, {current.iteration:,} steps on {current.queries:,} queries")
    elif progress is not None and progress.training:
        parts.append(f"{progress.steps:,} of {progress.training:,} training steps; it answers while it learns")
    if current is not None:
        parts.append(f"{'last' if current.final else 'now'} {brief_name(current.frame_id)}")
        parts.append(f"taps the {current.tap}" if current.tap else "")
    return " · ".join(filter(None, parts)) or "has made no picture yet"


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
