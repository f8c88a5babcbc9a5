"""The clip: frames that are reconstructed together, the truth above what every attack on clips makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from keyhole.presentation import attacks
from monitor.page.elements import Photo, brief_name
from monitor.snapshot import Attempt, LiveSnapshot, ShownClip
from monitor.validation import TRUTH

_NOTE = "consecutive frames of one edge, attacked together"
_TRUTH_ROW = "Truth"


class ClipPanel:
    """A row of pictures for the truth and for each attack on clips; not there while none works on one."""

    def __init__(self) -> None:
        self._drawn: tuple[int, tuple[str, ...]] = 0, ()
        self._rows: dict[str, ClipRow] = {}
        with ui.element("section").classes("kh-card").props("data-testid=clip") as self._panel:
            with ui.element("div").classes("kh-card-head"):
                ui.label("Clip").classes("kh-card-title")
                ui.label(_NOTE).classes("kh-faint")
                self._span = ui.label().classes("kh-pill").props("data-testid=clip-span")
            self._body = ui.element("div").classes("kh-film")
        self._panel.set_visibility(False)

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        clip = snapshot.shown_clip
        self._panel.set_visibility(clip is not None)
        if clip is None:
            return
        if self._drawn != (len(clip.ids), clip.attacks):
            self._drawn = len(clip.ids), clip.attacks
            self._body.clear()
            with self._body:
                self._rows = {name: ClipRow(name, len(clip.ids)) for name in (TRUTH, *clip.attacks)}
        self._span.set_text(f"{brief_name(clip.ids[0])} to {brief_name(clip.ids[-1])}")
        self._rows[TRUTH].show_truth(clip)
        for name in clip.attacks:
            self._rows[name].show_made(snapshot.title(name), clip.made_by(name))


class ClipRow:
    """The frames of a clip by one attack, or in truth.

    Args:
        name: the attack, or `TRUTH`.
        frames: of the clip.
    """

    def __init__(self, name: str, frames: int) -> None:
        self._name = name
        tone = "var(--kh-faint)" if name == TRUTH else attacks.colour(name)
        with ui.element("div").classes("kh-film-row").style(f"--tone: {tone}").props(f"data-testid=clip-row-{name}"):
            with ui.element("div").classes("kh-film-title"):
                self._title = ui.label(_TRUTH_ROW)
                self._state = ui.label("what the edge saw").classes("kh-faint").props(f"data-testid=clip-state-{name}")
            with ui.element("div").classes("kh-film-frames").style(f"--frames: {frames}"):
                self._frames = [self._figure(place) for place in range(frames)]

    def show_truth(self, clip: ShownClip) -> None:
        """What the edge saw, where it told the monitor."""
        for (photo, caption), frame, frame_id in zip(self._frames, clip.frames, clip.ids, strict=True):
            photo.show(frame.frame_id if frame else None, TRUTH)
            caption.set_text(brief_name(frame_id) if frame else "not known")

    def show_made(self, title: str, attempts: Sequence[Attempt | None]) -> None:
        """What an attack made of each frame."""
        self._title.set_text(title)
        made = [attempt for attempt in attempts if attempt]
        if made:
            newest = max(made, key=lambda attempt: attempt.version)
            state = "finished" if all(attempt.final for attempt in made) and len(made) == len(attempts) else "working"
            self._state.set_text(f"{state}, {newest.iteration:,} steps, {newest.seconds:.1f} s")
        for (photo, caption), attempt in zip(self._frames, attempts, strict=True):
            photo.show(attempt.frame_id if attempt else None, self._name, attempt.version if attempt else 0)
            caption.set_text(f"SSIM {attempt.ssim:.3f}" if attempt else "–")

    def _figure(self, place: int) -> tuple[Photo, ui.label]:
        with ui.element("figure"):
            photo = Photo(f"{self._name}, frame {place}").props(f"data-testid=clip-{self._name}-{place}")
            caption = ui.label().classes("kh-slot-caption").props(f"data-testid=clip-caption-{self._name}-{place}")
        return photo, caption
