"""The stage: one frame, large, and what every attack made of it."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from keyhole.metrics.base import Metric
from monitor.alarm import Alarm
from monitor.page.attack_card import AttackCard
from monitor.page.elements import Photo, ago, brief_name
from monitor.page.found_boxes import FoundBoxes
from monitor.snapshot import BLIND, AttackedFrame, LiveSnapshot
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
        self._truth.update(frame, snapshot)
        if tuple(self._cards) != snapshot.attacks:
            self._row.clear()
            with self._row:
                self._cards = {name: AttackCard(name, self._metrics) for name in snapshot.attacks}
        for card in self._cards.values():
            card.update(snapshot, frame, self._alarm.threshold)


class TruthCard:
    """What the edge saw."""

    def __init__(self) -> None:
        with ui.element("section").classes("kh-card kh-attack kh-truth").props("data-testid=truth-card"):
            with ui.element("div").classes("kh-card-head"):
                ui.label("Truth").classes("kh-card-title")
                ui.label("what the edge saw").classes("kh-faint")
            with ui.element("div").classes("kh-found-in"):
                self._photo = Photo("truth").props("data-testid=truth")
                self._boxes = FoundBoxes()
            with ui.element("div").classes("kh-caption"):
                self._frame = ui.label("").props("data-testid=truth-frame")
                self._age = ui.label("").classes("kh-faint").props("data-testid=truth-age")
            self._label = ui.label("").classes("kh-faint kh-clip")
            self._note = ui.label("").classes("kh-faint kh-note")
            with ui.element("div").classes("kh-now").props("data-testid=blind") as self._blind:
                self._blind_photo = Photo("blind attacker").props("data-testid=made-blind")
                self._floor = ui.label("").classes("kh-faint").props("data-testid=floor")

    def update(self, frame: AttackedFrame | None, snapshot: LiveSnapshot) -> None:
        """Show the frame; None: there is none yet."""
        blind = snapshot.blind
        self._blind.set_visibility(blind is not None)
        if blind is not None:
            self._blind_photo.show(BLIND, blind.rung, blind.version)
            self._floor.set_text(
                f"The blind attacker, who sees no frame, always shows this ({blind.rung}): "
                f"SSIM {blind.values['ssim']:.3f}, {blind.values['psnr']:.1f} dB. No more than that is nothing."
            )
        if frame is None:
            self._photo.show(None, TRUTH)
            self._boxes.show((), (1, 1))
            self._note.set_text("Pictures appear here when the first attack submits a reconstruction.")
            return
        self._photo.show(frame.frame_id, TRUTH)
        self._boxes.show(frame.detections, frame.size)
        self._frame.set_text(brief_name(frame.frame_id))
        self._age.set_text(f"seen {ago(snapshot.now - frame.seen_at)}")
        found = ", ".join(f"{each.label} {each.score:.0%}" for each in frame.detections)
        self._label.set_text("; ".join(filter(None, (frame.label, found and f"the cloud found: {found}"))))
        self._note.set_text("The newest frame that most attacks finished. The same for all of them.")
