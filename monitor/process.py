"""``keyhole monitor``: the only process that holds both truth and reconstruction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from keyhole.judge.find import find_judge
from keyhole.service.address import Address, publish
from keyhole.service.folder import RUN, claim
from keyhole.service.lifecycle import FAILED, OK, Stop
from keyhole.service.lifecycle import run as run_process
from keyhole.service.metrics import Metrics
from keyhole.wire.server import serve
from monitor.broadcast import Broadcast
from monitor.examiner import Examiner
from monitor.instruments import Instruments
from monitor.live_state import Alarm, LiveState
from monitor.page.server import PageServer
from monitor.referee import Limits, Referee
from monitor.report import REPORT, write_report
from monitor.service import SubmitDesk, TruthDesk, registration
from monitor.settings import MonitorSettings, check_page
from monitor.store import RunStore

_TICK_SECONDS = 0.5
_GRACE_SECONDS = 0.5
_log = logging.getLogger(__name__)


def run(settings: MonitorSettings) -> int:
    """Referee, store and show until told to stop; then, however long it takes, write the report."""
    return run_process("monitor", partial(_monitor, settings), settings.log) or _conclude(settings)


def _conclude(settings: MonitorSettings) -> int:
    """Write the report of a run that has ended; returns the exit code."""
    again = f"keyhole report {settings.run}{' --database URL' if settings.database else ''}"
    _log.info("writing the report", extra={"again": again})
    try:
        path = _report(settings)
    except (Exception, KeyboardInterrupt):
        _log.exception("no report was written; the run is stored, and `%s` writes its report", again)
        return FAILED
    _log.info("wrote the report", extra={"path": path})
    return OK


def _monitor(settings: MonitorSettings, stop: Stop) -> None:
    check_page(settings)
    claim(settings.run, RUN)
    torch.set_num_threads(1)
    limits = Limits(waiting=settings.waiting, wait_seconds=settings.wait_seconds)
    judge = find_judge(settings.judge)
    with ExitStack() as open_:
        metrics = Metrics("monitor")
        store = RunStore(settings.run, settings.keep, settings.database)
        live, broadcast, instruments = LiveState(), Broadcast(), Instruments(metrics)
        examine = Examiner(judge) if judge else None
        known = store.known_truths(limits.truths)
        listeners = (store, live, broadcast, instruments)
        referee = Referee(listeners, limits, known, examine=examine, names=settings.names)
        queues: dict[str, Callable[[], int]] = {
            "unmatched": lambda: referee.waiting,
            "store": lambda: store.depth,
            "watch": lambda: broadcast.depth,
        }
        live.watch_queues(queues)
        instruments.watch_queues(queues)

        places: dict[str, Address] = {"metrics": metrics.serve(settings.metrics)}
        open_.callback(metrics.close)
        if settings.page:
            alarm, report = Alarm(settings.alarm_ssim), partial(_report, settings)
            token = settings.page_token or None
            page = PageServer(live, alarm, report, settings.page, token, settings.page_names)
            open_.callback(page.join)
            places["page"] = page.address
        open_.callback(store.close)
        open_.callback(referee.close)
        if settings.page:
            open_.callback(page.close)
        for name, desk, address in (
            ("truth", TruthDesk(referee, broadcast, live.attended, stop), settings.truth),
            ("submit", SubmitDesk(referee), settings.submit),
        ):
            server = serve([registration(desk)], address, metrics=metrics, tls=settings.tls)
            open_.callback(server.stop, _GRACE_SECONDS)
            places[name] = server.address
        publish(settings.addresses, places)
        _log.info("ready", extra={"run": settings.run, "judge": judge is not None, **places})

        while not stop.wait(_TICK_SECONDS):
            referee.expire()


def _report(settings: MonitorSettings) -> Path:
    write_report(settings.run, settings.database, settings.alarm_ssim)
    return settings.run / REPORT
