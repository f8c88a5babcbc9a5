"""The top of the page: name and deployment, processes that have ended, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from nicegui import ui

from keyhole.presentation.stages import TOTAL
from monitor.deployment import Deployment
from monitor.snapshot import Absence, LiveSnapshot
from monitor.summary import latency

_MARK = (
    '<svg viewBox="0 0 32 32" width="34" height="34" aria-hidden="true"><circle cx="16" cy="16" r="15" '
    'fill="none" stroke="currentColor" stroke-width="2"/><path d="M16 8a4.6 4.6 0 0 0-2.6 8.4L12 24h8l-1.4-7.6A4.6 '
    '4.6 0 0 0 16 8z" fill="currentColor"/></svg>'
)
_STALE_SECONDS = 6.0


class Masthead:
    """Name, and the deployment in one line."""

    def __init__(self) -> None:
        self._dark = ui.dark_mode(value=None)
        with ui.element("header").classes("kh-masthead"):
            ui.html(_MARK, sanitize=False).classes("kh-mark")
            with ui.element("div").classes("kh-names"):
                ui.label("Keyhole").classes("kh-name")
                self._line = ui.label().classes("kh-line")
            self._pulse = ui.label().classes("kh-pulse").props("data-testid=pulse")
            with ui.element("nav").classes("kh-nav"):
                ui.link("Report", "/report", new_tab=True).classes("kh-button")
                ui.button("Light / dark", on_click=self._toggle, color=None).props("flat no-caps").classes("kh-button")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        self._line.set_text(_deployment_line(snapshot.deployment))
        fresh = snapshot.age is not None and snapshot.age < _STALE_SECONDS and not snapshot.absences
        self._pulse.classes(add="kh-fresh" if fresh else "kh-stale", remove="kh-stale" if fresh else "kh-fresh")
        self._pulse.set_text(_freshness(snapshot.age, snapshot.rate, sorted(snapshot.absences)))

    async def _toggle(self) -> None:
        """Turn to the other scheme than the one that is seen, which may be the reader's own."""
        self._dark.value = not await ui.run_javascript("document.body.classList.contains('body--dark')")


def _deployment_line(where: Deployment | None) -> str:
    if where is None:
        return "waiting for the first frame"
    parts = [f"{where.target} cut at {where.cut}", where.codec, f"defence {where.defence or 'none'}"]
    parts += [where.conditions, "mutual TLS" if where.tls else "plain text"]
    return "  ·  ".join(parts)


def _freshness(age: float | None, rate: float, absent: Sequence[str]) -> str:
    parts = [f"no {name}" for name in absent]
    if age is None:
        parts.append("no frames yet")
    elif age < _STALE_SECONDS:
        parts.append(f"{rate:.1f} frames/s" if absent else f"live, {rate:.1f} frames/s")
    else:
        parts.append(f"no frame for {age:,.0f} s")
    return ", ".join(parts)


class MissingProcesses:
    """A strip for each process that has ended; none while all run."""

    def __init__(self) -> None:
        self._html = ui.html("", sanitize=True).classes("kh-absences").props("data-testid=absences role=status")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        self._html.set_visibility(bool(snapshot.absences))
        self._html.set_content("".join(_missing(name, each) for name, each in sorted(snapshot.absences.items())))


def _missing(name: str, absence: Absence) -> str:
    since = datetime.fromtimestamp(absence.since).strftime("%H:%M:%S")
    how, *log = absence.last_words or ("",)
    words = f"<pre>{escape(chr(10).join(log))}</pre>" if log else ""
    return f'<div class="kh-absence"><b>No {escape(name)} since {since}: {escape(how.rstrip(":"))}</b>{words}</div>'


class CounterTiles:
    """Tiles with the counts that matter."""

    def __init__(self) -> None:
        with ui.element("div").classes("kh-tiles"):
            self._tiles = {name: self._tile(name) for name in ("seen", "answered", "dropped", "in flight", "latency")}

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        dropped = sum(snapshot.dropped.values())
        total = latency(outcome.stages for outcome in snapshot.outcomes).get(TOTAL)
        values = {
            "seen": f"{snapshot.seen:,}",
            "answered": f"{snapshot.answered:,}",
            "dropped": f"{dropped:,}",
            "in flight": f"{max(0, snapshot.seen - snapshot.answered - dropped):,}",
            "latency": f"{total.p50:,.0f} ms" if total else "–",
        }
        for name, value in values.items():
            self._tiles[name].set_text(value)

    @staticmethod
    def _tile(name: str) -> ui.label:
        with ui.element("div").classes("kh-tile"):
            value = ui.label("–").classes("kh-tile-value").props(f"data-testid=tile-{name.replace(' ', '-')}")
            ui.label({"seen": "frames seen", "latency": "median latency"}.get(name, name)).classes("kh-faint")
        return value
