"""Elements that the page's panels are made of."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

from nicegui import ui
from nicegui.element import Element

from monitor.snapshot import LiveSnapshot

_NAME = 16
CHART_GREY = "#8a93a0"
CHART_TEXT = {"color": CHART_GREY, "fontSize": 13}
_BLANK = "data:image/svg+xml," + quote('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')


class Panel(Protocol):
    """A part of the page, one for each who looks. Its constructor draws it where NiceGUI stands."""

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present. Sends nothing to the browser where nothing changed."""


def card(title: str, note: str = "", extra: str = "") -> Element:
    """A titled card; use it as a context to fill it."""
    element = ui.element("section").classes(f"kh-card {extra}")
    with element, ui.element("div").classes("kh-card-head"):
        ui.label(title).classes("kh-card-title")
        ui.label(note).classes("kh-faint")
    return element


class Photo(Element):
    """An ``<img>`` of the page's pictures; empty until it gets one."""

    def __init__(self, alternative: str) -> None:
        super().__init__("img")
        self.classes("kh-photo")
        self.props["alt"] = alternative
        self.show(None, "")

    def show(self, frame_id: str | None, name: str, version: int = 0) -> None:
        """Show the truth or an attack's picture of a frame; ``version`` tells one picture from the next."""
        source = picture_url(frame_id, name, version) if frame_id else _BLANK
        if self.props.get("src") != source:
            self.props["src"] = source


def picture_url(frame_id: str, name: str, version: int) -> str:
    """The address at which the server offers a picture."""
    return f"/pictures/{quote(frame_id, safe='')}/{quote(name, safe='')}?v={version}"


def ago(seconds: float) -> str:
    """How long ago something was, as a label says it.

    >>> ago(0.4), ago(12.7), ago(95.0), ago(7300.0)
    ('now', '12 s ago', '1 min ago', '2 h ago')
    """
    if seconds < 1:
        return "now"
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds // 1:.0f} s ago"


def brief_name(frame_id: str) -> str:
    """A frame's name as a label has room for it: its edge, and its number there.

    >>> brief_name("edge-0-000042"), brief_name("edge-0-6b0cfd663d997a5c-000050")
    ('edge-0-000042', 'edge-0…-000050')
    """
    return frame_id if len(frame_id) <= _NAME else f"{frame_id[:6]}…{frame_id[-7:]}"
