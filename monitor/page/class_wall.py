"""The wall of classes: what an adversary with the whole classifier made of each, and whom the judges see in it."""

from __future__ import annotations

from nicegui import ui

from monitor.class_wall import CLASSES, PRIVATE, PicturedClass, WallSnapshot
from monitor.class_words import verdict_text, wall_lines, wall_state
from monitor.page.elements import Photo
from monitor.snapshot import LiveSnapshot

_NOTE = "pictures of training classes, from the classifier alone: the cloud was breached, and no frame was needed"


class ClassWallPanel:
    """A card for each class that is pictured; not there while no adversary pictures any."""

    def __init__(self) -> None:
        self._cards: dict[int, ClassCard] = {}
        with ui.element("section").classes("kh-card").props("data-testid=wall") as self._panel:
            with ui.element("div").classes("kh-card-head"):
                ui.label("What the classifier remembers").classes("kh-card-title")
                ui.label(_NOTE).classes("kh-faint")
                self._state = ui.label().classes("kh-pill").props("data-testid=wall-state")
            self._lines = ui.element("div").classes("kh-wall-lines").props("data-testid=wall-lines")
            self._row = ui.element("div").classes("kh-wall")
        self._said: list[str] = []
        self._panel.set_visibility(False)

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        wall = snapshot.wall
        self._panel.set_visibility(wall is not None)
        if wall is None:
            return
        self._state.set_text(wall_state(wall))
        self._say(list(wall_lines(wall)))
        names = wall.names
        if list(self._cards) != list(names):
            self._row.clear()
            with self._row:
                self._cards = {label: ClassCard(label, name) for label, name in names.items()}
        for label, card in self._cards.items():
            card.update(wall, label)

    def _say(self, lines: list[str]) -> None:
        if lines != self._said:
            self._said = lines
            self._lines.clear()
            with self._lines:
                for line in lines:
                    ui.label(line)


class ClassCard:
    """One class: its picture, the verdicts, and beside it a private picture and the best-liked public one.

    Args:
        label: the classifier's number of the class.
        name: the classifier's name of it.
    """

    def __init__(self, label: int, name: str) -> None:
        with ui.element("figure").classes("kh-class").props(f"data-testid=class-{label}") as self._card:
            self._photo = Photo(f"made of {name}").props(f"data-testid=class-made-{label}")
            ui.label(f"{label} · {name}").classes("kh-clip").style("font-weight: 500")
            self._verdict = ui.label().classes("kh-faint").props(f"data-testid=class-verdict-{label}")
            with ui.element("div").classes("kh-beside"):
                self._private = self._beside(f"private-{label}", "private picture")
                self._floor = self._beside(f"floor-{label}", "best-liked public one")

    def update(self, wall: WallSnapshot, label: int) -> None:
        """Show the present."""
        made, floor = wall.made.get(label), wall.floor.get(label)
        _show(self._photo, made)
        _show(self._floor, floor)
        self._private.show(PRIVATE if label in wall.private else None, str(label))
        self._verdict.set_text(verdict_text(made, wall))
        known = [found.recognised for found in (made.verdicts or () if made else ())]
        kind = "kh-known" if any(known) else "kh-mistaken" if known else ""
        self._card.classes(add=kind, remove=" ".join({"kh-known", "kh-mistaken"} - {kind}))

    @staticmethod
    def _beside(mark: str, caption: str) -> Photo:
        with ui.element("figure"):
            photo = Photo(caption).props(f"data-testid=class-{mark}")
            with ui.element("figcaption"):
                ui.label(caption)
        return photo


def _show(photo: Photo, entry: PicturedClass | None) -> None:
    photo.show(CLASSES if entry else None, entry.key.word if entry else "", entry.version if entry else 0)
