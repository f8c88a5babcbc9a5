"""The live page: its HTTP server, in a thread of its own, and its layout."""

from __future__ import annotations

import socket
import threading
import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from nicegui import ui

from keyhole.service.address import Address, listening
from monitor.alarm import Alarm
from monitor.live_state import LiveState
from monitor.page.access import PageAccess
from monitor.page.alarm_strip import AlarmStrip
from monitor.page.class_wall import ClassWallPanel
from monitor.page.clip_panel import ClipPanel
from monitor.page.curves import ScoreCurves
from monitor.page.deployment_panels import LatencyPanel, LossesPanel
from monitor.page.diagram import DeploymentDiagram
from monitor.page.elements import Panel
from monitor.page.header import CounterTiles, Masthead, MissingProcesses
from monitor.page.recent import RecentFrames
from monitor.page.stage import AttackStage

_GRACE_SECONDS = 1
_CONNECTIONS = 128
_STYLE = Path(__file__).with_name("style.css").read_text()
_REFRESH_SECONDS = 0.4


class PageServer:
    """The page at ``/``, the pictures it shows and ``/report``. One in a process.

    Args:
        live: what is shown.
        alarm: shared threshold.
        report: writes the run's report and says where it is.
        address: ``host:port``; port 0 takes a free one.
        token: what whoever looks has to show; None: nothing.
        names: hosts that the page answers to, see `monitor.page.access.PageAccess`.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(
        self,
        live: LiveState,
        alarm: Alarm,
        report: Callable[[], Path],
        address: str,
        token: str | None = None,
        names: Collection[str] = (),
    ) -> None:
        place = Address.parse(address)
        self._socket = listening(place, "--page")
        self.address = place.with_port(self._socket.getsockname()[1])
        config = uvicorn.Config(
            PageAccess(_application(live, alarm, report), (place.host, socket.gethostname(), *names), token),
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=_CONNECTIONS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Begin to close every connection; returns at once."""
        self._server.should_exit = True

    def join(self) -> None:
        """Return when the thread has ended."""
        self.close()
        self._thread.join(2 * _GRACE_SECONDS)
        self._socket.close()


def _application(live: LiveState, alarm: Alarm, report: Callable[[], Path]) -> FastAPI:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @application.get("/pictures/{frame_id}/{name}")
    def picture(frame_id: str, name: str) -> Response:
        png = live.picture(frame_id, name)
        kept = {"Cache-Control": "private, max-age=600", "Cross-Origin-Resource-Policy": "same-origin"}
        return Response(png, media_type="image/png", headers=kept) if png else Response(status_code=404)

    @application.get("/report")
    def written_report() -> FileResponse:
        return FileResponse(report(), media_type="text/html")

    @ui.page("/", title="Keyhole", dark=None)
    def page() -> None:
        draw_page(live, alarm)

    # NiceGUI looks at every object of the process for its server, torch's deprecated ones among them
    warnings.filterwarnings("ignore", message=".*torch.distributed.reduce_op", category=FutureWarning)
    ui.run_with(application, tailwind=False, show_welcome_message=False)
    return application


def draw_page(live: LiveState, alarm: Alarm) -> None:
    """Draw the page for one who looks and keep it up to date."""
    ui.add_head_html(f"<style>{_STYLE}</style>")  # before the first paint; add_css would do it by a script
    with ui.element("main").classes("kh-page"):
        panels: list[Panel] = [
            Masthead(),
            MissingProcesses(),
            DeploymentDiagram(),
            CounterTiles(),
            AlarmStrip(alarm),
            AttackStage(alarm, live.metrics),
            ClipPanel(),
            ClassWallPanel(),
            ScoreCurves(alarm, live.metrics),
            RecentFrames(alarm),
        ]
        with ui.element("div").classes("kh-lower"):
            panels += [LatencyPanel(), LossesPanel()]

    def refresh() -> None:
        snapshot = live.snapshot()
        for panel in panels:
            panel.update(snapshot)

    refresh()
    ui.timer(_REFRESH_SECONDS, refresh)
