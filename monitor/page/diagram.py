"""What runs where, and who sees what."""

from __future__ import annotations

from html import escape

from nicegui import ui

from monitor.deployment import PartyView, threat_model
from monitor.snapshot import LiveSnapshot


class DeploymentDiagram:
    """Four boxes in a row and what passes between them; a column on a narrow screen."""

    def __init__(self) -> None:
        with ui.element("section").classes("kh-where"):
            self._html = ui.html("", sanitize=True).classes("kh-diagram").props("data-testid=diagram")

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the present."""
        where = snapshot.deployment
        if where is None:
            self._html.set_content('<p class="kh-faint">What runs where, and who sees what: waiting for a frame.</p>')
            return
        told = {each.tap for each in snapshot.progress.values()} | {each.tap for each in snapshot.current.values()}
        taps = frozenset(told - {""})
        payload = snapshot.outcomes[-1].payload_bytes if snapshot.outcomes else 0
        features = [f"{payload / 1024:,.0f} KiB of features" if payload else "features", where.codec]
        features += [where.conditions, "mutual TLS" if where.tls else "no TLS"]
        arrows = {
            "edge": ", ".join(features),
            "cloud": f"tap: {' and '.join(sorted(taps)) or 'none'}",
            "adversary": "reconstructions; nothing comes back",
        }
        parts = []
        for party in threat_model(where, taps, breached=snapshot.wall is not None):
            parts.append(_box(party))
            if party.name in arrows:
                parts.append(f'<div class="kh-arrow"><span>{escape(arrows[party.name])}</span><i></i></div>')
        truth = "<span>truth: from edge to monitor, never through the cloud</span>"
        self._html.set_content(f'{"".join(parts)}<div class="kh-truth-line"><i></i>{truth}<i></i></div>')


def _box(party: PartyView) -> str:
    rows = (("runs", party.runs), ("sees", party.sees), ("never sees", party.never))
    lines = "".join(f"<p><b>{name}</b> {escape(text)}</p>" for name, text in rows if text != "–")
    head = f"<h3>{escape(party.name)}</h3><span>{escape(party.role)}</span>"
    breached = " kh-breached" if party.role.endswith("breached") else ""
    return f'<div class="kh-box kh-{party.name}{breached}"><div class="kh-box-head">{head}</div>{lines}</div>'
