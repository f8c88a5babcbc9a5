"""Counts what became of every picture that was taken."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

import prometheus_client

from edge.journey import BACKLOG
from keyhole.service.metrics import Metrics
from keyhole.v1 import referee_pb2


class Tally:
    """Frames by outcome. Safe to use from several threads.

    Args:
        metrics: where the counts and the stages go as well.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._sent = 0
        self._answered = 0
        self._dropped: Counter[str] = Counter()
        self._undelivered = 0
        self._undelivered_total = prometheus_client.Counter(
            "keyhole_undelivered_total", "Messages that the monitor did not get.", registry=metrics.registry
        )

    def sent(self) -> None:
        """A frame leaves."""
        with self._lock:
            self._sent += 1
        self._metrics.frames.labels("sent").inc()

    def answered(self, stages: Mapping[str, float]) -> None:
        """A frame was answered; seconds by stage."""
        with self._lock:
            self._answered += 1
        self._metrics.frames.labels("answered").inc()
        for stage, seconds in stages.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)

    def dropped(self, reason: str) -> None:
        """A frame was dropped, before or after it left."""
        with self._lock:
            self._dropped[reason] += 1
        self._metrics.frames.labels("dropped").inc()
        self._metrics.dropped.labels(reason).inc()

    def undelivered(self) -> None:
        """The monitor did not get a message."""
        with self._lock:
            self._undelivered += 1
        self._undelivered_total.inc()

    def account(self, edge: str, started_at: float) -> referee_pb2.Account:
        """The counts of an edge that started at that Unix time, for the monitor."""
        with self._lock:
            return referee_pb2.Account(
                edge=edge,
                started_at=started_at,
                taken=self._sent + self._dropped[BACKLOG],
                answered=self._answered,
                dropped=self._dropped,
                undelivered=self._undelivered,
            )

    def summary(self) -> dict[str, int]:
        """Counts by name: ``taken`` (pictures) is ``answered`` plus all ``dropped_…`` once nothing is in flight."""
        with self._lock:
            dropped = {f"dropped_{reason}": count for reason, count in sorted(self._dropped.items())}
            taken = self._answered + self._dropped.total()
            return {
                "taken": taken,
                "sent": self._sent,
                "answered": self._answered,
                **dropped,
                "undelivered": self._undelivered,
            }
