"""``keyhole monitor``: the only process that holds both truth and reconstruction."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from prometheus_client import Counter, Histogram

from keyhole.judge.loading import find_judge
from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.service.address import Address, publish
from keyhole.service.files import RUN, claim
from keyhole.service.lifecycle import FAILED, OK, Stop
from keyhole.service.lifecycle import run as run_process
from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Truth
from keyhole.wire.server import serve
from monitor.alarm import Alarm
from monitor.live_state import LiveState
from monitor.page.server import PageServer
from monitor.referee import Referee
from monitor.report import REPORT, write_report
from monitor.scoring import Listener, ScoredReconstruction, SecretScorer, scoring_metrics
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
        live, broadcast, exported = LiveState(metrics=scored_by), Broadcast(), MonitorMetrics(metrics, scored_by)
        score_secrets = SecretScorer(judge) if judge else None
        known = store.known_truths(settings.limits.truths)
        listeners = (store, live, broadcast, exported)
        referee = Referee(
            listeners, settings.limits, known, score_secrets=score_secrets, names=settings.names, metrics=scored_by
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
            alarm, report = Alarm(settings.alarm_ssim), partial(_report, settings)
            token = settings.page_token or None
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
        publish(settings.addresses, places)
        _log.info("ready", extra={"run": settings.run, "judge": judge is not None, **places})

        while not stop.wait(_TICK_SECONDS):
            referee.expire()


def _report(settings: MonitorSettings) -> Path:
    write_report(settings.run, settings.database, settings.alarm_ssim)
    return settings.run / REPORT


class MonitorMetrics(Listener):
    """What the monitor exports to Prometheus beyond the calls that its servers count.

    Args:
        metrics: of the process.
        scored_by: that scores have values of; None: PSNR and SSIM.
    """

    def __init__(self, metrics: Metrics, scored_by: Sequence[Metric] | None = None) -> None:
        self._metrics = metrics
        self.registry = metrics.registry
        self._unmatched = Counter(
            "keyhole_unmatched_total",
            "Reconstructions that waited for their truth and have no score.",
            ["attack", "reason"],
            registry=metrics.registry,
        )
        self._scores = {
            metric.name: Histogram(
                _exported(metric),
                f"{metric.title} of final reconstructions.",
                ["attack", "rung"],  # of an attack that is no ladder the rung is empty
                buckets=metric.buckets,
                registry=metrics.registry,
            )
            for metric in (scoring_metrics() if scored_by is None else scored_by)
        }
        self._secrets = Counter(
            "keyhole_secrets_total",
            "What the judge was asked of final reconstructions: glyphs, attributes and identities, right or wrong.",
            ["attack", "rung", "secret", "result"],
            registry=metrics.registry,
        )

    def watch_queues(self, queues: Mapping[str, Callable[[], float]]) -> None:
        """Export the depths of queues by name."""
        for name, depth in queues.items():
            self._metrics.queue_depth.labels(name).set_function(depth)

    def witnessed(self, truth: Truth) -> None:  # noqa: ARG002
        self._metrics.frames.labels("witnessed").inc()

    def concluded(self, outcome: Outcome) -> None:
        self._metrics.frames.labels("dropped" if outcome.dropped else "answered").inc()

    def judged(self, scored: ScoredReconstruction) -> None:
        if scored.reconstruction.final:
            labels = scored.reconstruction.attack, scored.reconstruction.rung
            for name, value in scored.score.values.items():
                self._scores[name].labels(*labels).observe(value)
        if scored.recovery:
            self._recovered(scored.reconstruction, scored.recovery)

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        self._unmatched.labels(reconstruction.attack, reason).inc()

    def _recovered(self, made: Reconstruction, found: Recovery) -> None:
        right, asked = found.glyphs
        counts = {"glyph": (right, asked - right)} if asked else {}
        counts |= {name: (int(true == read), int(true != read)) for name, (true, read) in found.attributes.items()}
        if found.identified is not None:
            counts["identity"] = (int(found.identified), int(not found.identified))
        for secret, (hits, misses) in counts.items():
            self._secrets.labels(made.attack, made.rung, secret, "right").inc(hits)
            self._secrets.labels(made.attack, made.rung, secret, "wrong").inc(misses)


def _exported(metric: Metric) -> str:
    """A name for Prometheus: ``keyhole_ssim``, ``keyhole_psnr_db``."""
    return re.sub(r"\W+", "_", f"keyhole_{metric.name}_{metric.unit.lower()}").rstrip("_")
