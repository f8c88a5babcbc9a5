"""What was lost and what waits."""

from __future__ import annotations

from html import escape

from nicegui import ui

from keyhole.presentation import attacks
from monitor.live_state import Snapshot
from monitor.page.panel import card

_QUEUES = {
    "unmatched": "reconstructions that wait for their truth",
    "store": "writes that wait for the disk",
    "watch": "events that wait for a watcher",
}


class Losses:
    """Frames dropped by reason, attacks' backlogs, the monitor's queues."""

    def __init__(self) -> None:
        with card("Drops and backlogs"):
            self._table = ui.html("", sanitize=True).classes("kh-table").props("data-testid=losses")

    def update(self, snapshot: Snapshot) -> None:
        """Show the present."""
        dropped = sorted(snapshot.dropped.items())
        rows = [("frames the edge dropped", f"{sum(snapshot.dropped.values()):,}", "")]
        rows += [(f"because of {reason}", f"{count:,}", "kh-inset") for reason, count in dropped]
        for name in snapshot.attacks:
            attempt = snapshot.current[name]
            dot = f'<i class="kh-dot" style="background: {attacks.colour(name)}"></i>'
            rows.append((f"{dot}{escape(attempt.title)}: frames in its backlog", f"{attempt.backlog:,}", "kh-html"))
            rows.append(("frames it skipped", f"{attempt.skipped:,}", "kh-inset"))
        rows.append(("reconstructions without a truth", f"{snapshot.unmatched:,}", ""))
        rows += [(_QUEUES.get(name, name), f"{depth:,}", "") for name, depth in snapshot.queues.items()]
        self._table.set_content(f"<table>{''.join(_row(*row) for row in rows)}</table>")


def _row(name: str, value: str, kind: str) -> str:
    shown = name if kind == "kh-html" else escape(name)
    return f'<tr class="{kind}"><td>{shown}</td><td>{escape(value)}</td></tr>'
