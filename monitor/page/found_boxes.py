"""Boxes that the cloud answered with, drawn over the edge's own picture."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from keyhole.v1.referee_pb2 import Detection
from monitor.boxes_svg import boxes_svg


class FoundBoxes(ui.html):
    """Boxes over the picture that it lies on; nothing where there are none."""

    def __init__(self) -> None:
        super().__init__("", sanitize=False)
        self.classes("kh-found").props("data-testid=found")
        self._colours: dict[str, str] = {}

    def show(self, found: Sequence[Detection], size: tuple[int, int]) -> None:
        """Draw boxes.

        Args:
            found: in pixels of the picture.
            size: height and width of the picture.
        """
        drawn = boxes_svg(found, size, self._colours) if found else ""
        if drawn != self.content:
            self.set_content(drawn)
