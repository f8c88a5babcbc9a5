"""The stage: one frame, large, and what every attack made of it."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from keyhole.metrics.base import Metric
from monitor.alarm import Alarm
from monitor.page.attack_card import AttackCard
from monitor.page.elements import Photo, ago
from monitor.snapshot import AttackedFrame, LiveSnapshot
from monitor.validation import TRUTH


class AttackStage:
    """The truth of one frame, and an `AttackCard` for each attack, in order, as large as the screen allows.

    Args:
        alarm: says what is recognisable.
        metrics: whose values are shown.
    """

    def __init__(self, alarm: Alarm, metrics: Sequence[Metric]) -> None:
        self._alarm = alarm
        self._metrics = metrics
        self._cards: dict[str, AttackCard] = {}
        with ui.element("div").classes("kh-stage"):
            self._truth = TruthCard()
            self._row = ui.element("div").classes("kh-contents")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        frame = snapshot.shown
        self._truth.update(frame, snapshot.now)
        if tuple(self._cards) != snapshot.attacks:
            self._row.clear()
            with self._row:
                self._cards = {name: AttackCard(name, self._metrics) for name in snapshot.attacks}
        for card in self._cards.values():
            card.update(snapshot, frame, self._alarm)


class TruthCard:
    """What the edge saw."""

    def __init__(self) -> None:
        with ui.element("section").classes("kh-card kh-attack kh-truth").props("data-testid=truth-card"):
            with ui.element("div").classes("kh-card-head"):
                ui.label("Truth").classes("kh-card-title")
                ui.label("what the edge saw").classes("kh-faint")
            self._photo = Photo("truth").props("data-testid=truth")
            with ui.element("div").classes("kh-caption"):
                self._frame = ui.label("").props("data-testid=truth-frame")
                self._age = ui.label("").classes("kh-faint").props("data-testid=truth-age")
            self._label = ui.label("").classes("kh-faint kh-clip")
            self._note = ui.label("").classes("kh-faint kh-note")

    def update(self, frame: AttackedFrame | None, now: float) -> None:
        """Show the frame; None: there is none yet."""
        if frame is None:
            self._photo.show(None, TRUTH)
            self._note.set_text("Pictures appear here when the first attack submits a reconstruction.")
            return
        self._photo.show(frame.frame_id, TRUTH)
        self._frame.set_text(frame.frame_id)
        self._age.set_text(f"seen {ago(now - frame.seen_at)}")
        self._label.set_text(frame.label)
        self._note.set_text("The newest frame that most attacks finished. The same for all of them.")
