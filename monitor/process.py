"""``keyhole monitor``: the only process that holds both truth and reconstruction."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from keyhole.judge.loading import find_judge
from keyhole.presentation.attacks import BLIND
from keyhole.service.address import Address, publish
from keyhole.service.files import RUN, claim
from keyhole.service.lifecycle import FAILED, OK, Stop
from keyhole.service.lifecycle import run as run_process
from keyhole.service.metrics import Metrics
from keyhole.wire.server import serve
from monitor.alarm import Alarm, SecretsWatch
from monitor.alarm_threshold import chosen_threshold, judged_threshold
from monitor.class_judging import ClassJudging
from monitor.class_wall import ClassWall
from monitor.exported_metrics import MonitorMetrics
from monitor.leak_meter import KEPT, LeakMeter
from monitor.live_state import FOUND, LiveState
from monitor.page.server import PageServer
from monitor.referee import Referee
from monitor.report import REPORT, write_report
from monitor.scoring import SecretScorer, scoring_metrics
from monitor.service import Broadcast, SubmitPort, TruthPort, registration
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
    scored_by = scoring_metrics(settings.scores)
    claim(settings.run, RUN)
    torch.set_num_threads(1)
    judge = find_judge(settings.judge)
    with ExitStack() as open_:
        metrics = Metrics("monitor")
        store = RunStore(settings.run, settings.keep, settings.database)
        alarm = Alarm(chosen_threshold(settings) or judged_threshold(settings.judge, judge))
        store.set_threshold(alarm.threshold)
        meter = LeakMeter(store.add_scale)
        meter.know(*store.known_scales(KEPT))
        wall = ClassWall(store.known_classes())
        live, broadcast = (
            LiveState(metrics=scored_by, meter=meter, wall=wall, found=store.known_found(FOUND)),
            Broadcast(),
        )
        exported = MonitorMetrics(metrics, scored_by, meter)
        score_secrets = SecretScorer(judge) if judge else None
        known = store.known_truths(settings.limits.truths)
        listeners = (store, meter, wall, live, broadcast, exported, SecretsWatch(alarm, store.set_threshold))
        names = (*settings.names, BLIND) if settings.names else ()
        referee = Referee(
            listeners, settings.limits, known, score_secrets=score_secrets, names=names, metrics=scored_by
        )
        queues: dict[str, Callable[[], int]] = {
            "unmatched": lambda: referee.waiting,
            "store": lambda: store.depth,
            "watch": lambda: broadcast.depth,
        }
        live.watch_queues(queues)
        exported.watch_queues(queues)

        places: dict[str, Address] = {"metrics": metrics.serve(settings.metrics)}
        open_.callback(metrics.close)
        if settings.page:
            report, token = partial(_report, settings), settings.page_token or None
            page = PageServer(live, alarm, report, settings.page, token, settings.page_names)
            open_.callback(page.join)
            places["page"] = page.address
        open_.callback(store.close)
        open_.callback(referee.close)
        if settings.page:
            open_.callback(page.close)
        for name, port, address in (
            ("truth", TruthPort(referee, broadcast, live.attended, stop), settings.truth),
            ("submit", SubmitPort(referee), settings.submit),
        ):
            server = serve([registration(port)], address, metrics=metrics, tls=settings.tls)
            open_.callback(server.stop, _GRACE_SECONDS)
            places[name] = server.address
        measuring = threading.Thread(target=meter.measure, args=(stop,), name="scale")
        measuring.start()
        open_.callback(measuring.join)
        judging = threading.Thread(
            target=ClassJudging(wall, settings, store.set_verdicts).work, args=(stop,), name="wall"
        )
        judging.start()
        open_.callback(judging.join)
        open_.callback(stop.set)  # an error may have ended the run
        publish(settings.addresses, places)
        _log.info("ready", extra={"run": settings.run, "judge": judge is not None, **places})

        while not stop.wait(_TICK_SECONDS):
            referee.expire()
            exported.show_leaks(alarm.threshold)
            exported.show_wall(wall.snapshot())


def _report(settings: MonitorSettings) -> Path:
    write_report(settings.run, settings.database, chosen_threshold(settings))
    return settings.run / REPORT
