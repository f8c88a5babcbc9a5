"""What the page is made of."""

from __future__ import annotations

from typing import Protocol

from nicegui import ui
from nicegui.element import Element

from monitor.live_state import Snapshot


class Panel(Protocol):
    """A part of the page, one for each who looks. Its constructor draws it where NiceGUI stands."""

    def update(self, snapshot: Snapshot) -> None:
        """Show the present. Sends nothing to the browser where nothing changed."""


def card(title: str, note: str = "", extra: str = "") -> Element:
    """A titled card; use it as a context to fill it."""
    element = ui.element("section").classes(f"kh-card {extra}")
    with element, ui.element("div").classes("kh-card-head"):
        ui.label(title).classes("kh-card-title")
        ui.label(note).classes("kh-faint")
    return element
