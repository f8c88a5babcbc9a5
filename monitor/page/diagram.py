"""What runs where, and who sees what."""

from __future__ import annotations

from html import escape

from nicegui import ui

from monitor.live_state import Snapshot
from monitor.page.panel import card
from monitor.threat_model import Party, parties


class Diagram:
    """Four boxes and what passes between them: a square on a wide screen, a column on a phone."""

    def __init__(self) -> None:
        with card("What runs where", "and who sees what"):
            self._html = ui.html("", sanitize=True).classes("kh-diagram").props("data-testid=diagram")

    def update(self, snapshot: Snapshot) -> None:
        """Show the present."""
        where = snapshot.deployment
        if where is None:
            self._html.set_content('<p class="kh-empty">Waiting for the first frame.</p>')
            return
        taps = frozenset(attempt.tap for attempt in snapshot.current.values() if attempt.tap)
        payload = snapshot.outcomes[-1].payload_bytes if snapshot.outcomes else 0
        features = [f"{payload / 1024:,.0f} KiB of features" if payload else "features", where.codec]
        features += [where.way, "mutual TLS" if where.tls else "no TLS"]
        arrows = (
            ("wire", "right", ", ".join(features)),
            ("tap", "down", f"tap: {' and '.join(sorted(taps)) or 'none'}"),
            ("back", "left", "reconstruction; nothing comes back"),
            ("truth", "down", "truth: from edge to monitor, never through the cloud"),
        )
        boxes = "".join(_box(party) for party in parties(where, taps))
        self._html.set_content(boxes + "".join(_arrow(*arrow) for arrow in arrows))


def _box(party: Party) -> str:
    rows = (("runs", party.runs), ("sees", party.sees), ("never sees", party.never))
    lines = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text != "–")
    head = f"<h3>{escape(party.name)}</h3><span>{escape(party.role)}</span>"
    return f'<div class="kh-box kh-{party.name}"><div class="kh-box-head">{head}</div><dl>{lines}</dl></div>'


def _arrow(name: str, direction: str, text: str) -> str:
    return f'<div class="kh-arrow kh-at-{name} kh-{direction}"><span>{escape(text)}</span><i></i></div>'
