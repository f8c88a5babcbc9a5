"""A picture that changes in place."""

from __future__ import annotations

from urllib.parse import quote

from nicegui.element import Element


class Photo(Element):
    """An ``<img>`` of the board's pictures; empty until it is told what to show."""

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


_BLANK = "data:image/svg+xml," + quote('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')


def picture_url(frame_id: str, name: str, version: int) -> str:
    """Where the server offers a picture."""
    return f"/pictures/{quote(frame_id, safe='')}/{quote(name, safe='')}?v={version}"
