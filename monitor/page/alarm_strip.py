"""The alarm's strip."""

from __future__ import annotations

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from monitor.alarm import Alarm
from monitor.snapshot import LiveSnapshot


class AlarmStrip:
    """The strip that turns red when a reconstruction is recognisable. It is always there, so that nothing moves.

    Args:
        alarm: holds the threshold, which the strip can move.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        with ui.element("div").classes("kh-alarm").props("data-testid=alarm").props("role=status") as self._strip:
            self._text = ui.label().classes("kh-alarm-text")
            with ui.element("div").classes("kh-alarm-control"):
                ui.label("recognisable from SSIM").classes("kh-faint")
                self._number = (
                    ui.number(value=alarm.threshold, min=-1, max=1, step=0.05, format="%.2f", on_change=self._move)
                    .props("dense borderless debounce=400 aria-label=threshold")
                    .classes("kh-threshold")
                )

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        if self._number.value is not None and self._number.value != self._alarm.threshold:
            self._number.set_value(self._alarm.threshold)
        raised = self._alarm.raised_by(snapshot)
        self._strip.classes(add="kh-raised" if raised else "kh-calm", remove="kh-calm" if raised else "kh-raised")
        if raised:
            told = ", ".join(f"{attempt.title} {attempt.ssim:.2f}" for attempt in raised)
            self._text.set_text(f"Recognisable, by SSIM:  {told}")
        elif snapshot.current:
            self._text.set_text("Nothing recognisable in what the attacks show now")
        else:
            self._text.set_text("No reconstruction yet")

    def _move(self, event: ValueChangeEventArguments[float | None]) -> None:
        if event.value is not None and -1 <= event.value <= 1:
            self._alarm.threshold = float(event.value)
