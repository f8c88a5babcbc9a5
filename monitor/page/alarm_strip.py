"""The alarm's strip."""

from __future__ import annotations

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from monitor.alarm import Alarm
from monitor.alarm_threshold import AlarmThreshold
from monitor.snapshot import LiveSnapshot

_LARGEST = 4096


class AlarmStrip:
    """The strip that turns red when an attack leaks too much. It is always there, so that nothing moves.

    Args:
        alarm: holds the threshold, which the strip can move.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        with ui.element("div").classes("kh-alarm").props("data-testid=alarm").props("role=status") as self._strip:
            self._text = ui.label().classes("kh-alarm-text")
            with ui.element("div").classes("kh-alarm-control"):
                self._origin = ui.label().classes("kh-faint").props("data-testid=threshold-origin")
                self._number = (
                    ui.number(value=alarm.threshold.value, min=-1, max=_LARGEST, on_change=self._move)
                    .props("dense borderless debounce=400 step=any aria-label=threshold")
                    .classes("kh-threshold")
                )
                self._unit = ui.label().classes("kh-faint")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        threshold = self._alarm.threshold
        if self._number.value is not None and self._number.value != threshold.value:
            self._number.set_value(threshold.value)
        self._origin.set_text(f"Alarm from ({threshold.origin})")
        self._unit.set_text(threshold.unit)
        raised = self._alarm.raised_by(snapshot)
        self._strip.classes(add="kh-raised" if raised else "kh-calm", remove="kh-calm" if raised else "kh-raised")
        self._text.set_text(_told(raised, snapshot, threshold))

    def _move(self, event: ValueChangeEventArguments[float | None]) -> None:
        if event.value is not None and event.value != self._alarm.threshold.value and -1 <= event.value <= _LARGEST:
            self._alarm.move(float(event.value))


def _told(raised: list[str], snapshot: LiveSnapshot, threshold: AlarmThreshold) -> str:
    if raised:
        leaks = ((snapshot.title(name), snapshot.leaks[name]) for name in raised)
        told = (
            f"{title} {leak.thumbnail.text if threshold.unit == 'px' else round(leak.ssim, 3)}" for title, leak in leaks
        )
        return f"Leak:  {',  '.join(told)}"
    if snapshot.leaks:
        return "No attack leaks as much as that over its newest finished frames"
    if not snapshot.current:
        return "No reconstruction yet"
    if snapshot.blind is None:
        return "No blind attacker has shown what it scores without any frame, so leaks cannot be told"
    return "No finished frame has been compared with its thumbnails yet"
