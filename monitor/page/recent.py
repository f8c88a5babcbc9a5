"""The strip of the newest frames that were attacked."""

from __future__ import annotations

from nicegui import ui

from keyhole.presentation import attacks
from monitor.alarm import Alarm
from monitor.alarm_threshold import AlarmThreshold
from monitor.leaks import AttackLeak
from monitor.page.elements import Photo, brief_name, card
from monitor.snapshot import AttackedFrame, LiveSnapshot
from monitor.validation import TRUTH

RECENT_FRAMES = 8


class RecentFrames:
    """A strip of the newest attacked frames.

    Args:
        alarm: says what is recognisable.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._attacks: tuple[str, ...] = ()
        self._frames: list[FramePictures] = []
        with card("Frames attacked", "those that most attacks finished first"):
            self._row = ui.element("div").classes("kh-recent").props("data-testid=recent")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        frames = sorted(snapshot.frames, key=lambda frame: (-frame.finished, -len(frame.attempts)))[:RECENT_FRAMES]
        if (self._attacks, len(self._frames)) != (snapshot.attacks, len(frames)):
            self._attacks = snapshot.attacks
            self._row.clear()
            with self._row:
                self._frames = [FramePictures(snapshot.attacks) for _ in frames]
        for drawn, frame in zip(self._frames, frames, strict=True):
            drawn.update(frame, snapshot, self._alarm.threshold)


class FramePictures:
    """One frame: truth, then each attack's picture with the thumbnail that it equals.

    Args:
        names: the attacks, in order.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        with ui.element("div").classes("kh-slot"):
            with ui.element("div").classes("kh-slot-row"):
                self._truth, _ = self._figure(TRUTH, "inherit")
                self._made = {name: self._figure(name, attacks.colour(name)) for name in names}
            self._label = ui.label().classes("kh-faint kh-clip")

    def update(self, frame: AttackedFrame, snapshot: LiveSnapshot, threshold: AlarmThreshold) -> None:
        """Show a frame."""
        self._truth.show(frame.frame_id, TRUTH)
        self._label.set_text(", ".join(filter(None, (brief_name(frame.frame_id), frame.label))))
        for name, (photo, caption) in self._made.items():
            attempt = frame.attempts.get(name)
            photo.show(frame.frame_id if attempt else None, name, attempt.version if attempt else 0)
            equal = snapshot.thumbnails.get((frame.frame_id, name))
            caption.set_text(equal.brief if equal else "–")
            over = bool(equal and attempt and threshold.reached(AttackLeak(equal, attempt.ssim, 1)))
            caption.classes(add="kh-over" if over else "", remove="" if over else "kh-over")

    @staticmethod
    def _figure(name: str, colour: str) -> tuple[Photo, ui.label]:
        with ui.element("figure").style(f"--tone: {colour}"):
            photo = Photo(name)
            caption = ui.label("truth" if name == TRUTH else "").classes("kh-slot-caption")
        return photo, caption
