"""Who is not there, since when, and with which last words."""

from __future__ import annotations

from datetime import datetime
from html import escape

from nicegui import ui

from monitor.live_state import Absence, Snapshot


class Absences:
    """A strip for each process that has ended; none while all run."""

    def __init__(self) -> None:
        self._html = ui.html("", sanitize=True).classes("kh-absences").props("data-testid=absences role=status")

    def update(self, snapshot: Snapshot) -> None:
        """Show the present."""
        self._html.set_visibility(bool(snapshot.absences))
        self._html.set_content("".join(_strip(name, each) for name, each in sorted(snapshot.absences.items())))


def _strip(name: str, absence: Absence) -> str:
    since = datetime.fromtimestamp(absence.since).strftime("%H:%M:%S")
    how, *log = absence.last_words or ("",)
    words = f"<pre>{escape(chr(10).join(log))}</pre>" if log else ""
    return f'<div class="kh-absence"><b>No {escape(name)} since {since}: {escape(how.rstrip(":"))}</b>{words}</div>'
