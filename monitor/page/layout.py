"""The page as a whole."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from monitor.alarm import Alarm
from monitor.live_state import Board
from monitor.page.absences import Absences
from monitor.page.alarm_strip import AlarmStrip
from monitor.page.curves import Curves
from monitor.page.diagram import Diagram
from monitor.page.latency import Latency
from monitor.page.losses import Losses
from monitor.page.masthead import Masthead
from monitor.page.panel import Panel
from monitor.page.recent import Recent
from monitor.page.stage import Stage

_STYLE = Path(__file__).with_name("style.css").read_text()
_REFRESH_SECONDS = 0.4


def draw(board: Board, alarm: Alarm) -> None:
    """Draw the page for one who looks and keep it up to date."""
    ui.add_head_html(f"<style>{_STYLE}</style>")  # before the first paint; add_css would do it by a script
    with ui.element("main").classes("kh-page"):
        panels: list[Panel] = [Masthead(), Absences(), AlarmStrip(alarm), Stage(alarm), Curves(alarm), Recent(alarm)]
        with ui.element("div").classes("kh-lower"):
            panels += [Latency(), Losses()]
        panels.append(Diagram())

    def refresh() -> None:
        snapshot = board.snapshot()
        for panel in panels:
            panel.update(snapshot)

    refresh()
    ui.timer(_REFRESH_SECONDS, refresh)
