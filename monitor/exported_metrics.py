"""What the monitor exports to Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import Counter, Gauge, Histogram

from keyhole.judge.recovery import Recovery
from keyhole.metrics.base import Metric
from keyhole.presentation import attacks
from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Truth
from monitor.alarm_threshold import AlarmThreshold
from monitor.class_wall import WallSnapshot
from monitor.leak_meter import LeakMeter
from monitor.scoring import Listener, ScoredReconstruction, scoring_metrics


class MonitorMetrics(Listener):
    """What the monitor exports to Prometheus beyond the calls that its servers count.

    Args:
        metrics: of the process.
        scored_by: that scores have values of; None: PSNR and SSIM.
        meter: knows the attacks' leaks and the blind attacker's best picture.
    """

    def __init__(
        self, metrics: Metrics, scored_by: Sequence[Metric] | None = None, meter: LeakMeter | None = None
    ) -> None:
        self._metrics = metrics
        self._meter = meter or LeakMeter()
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

        self._thumbnails = Gauge(
            "keyhole_thumbnail_pixels",
            "Side of the thumbnails that score as an attack's newest finished frames do; 0: nothing.",
            ["attack", "rung"],
            registry=metrics.registry,
        )
        self._threshold = Gauge(
            "keyhole_alarm_threshold", "From which on a leak raises the alarm.", ["unit"], registry=metrics.registry
        )

        self._classes = Gauge(
            "keyhole_recalled_classes",
            "Classes that an adversary pictures: all that it wants, those finished, and those that a judge recognises.",
            ["attack", "judge", "state"],
            registry=metrics.registry,
        )

    def show_wall(self, wall: WallSnapshot | None) -> None:
        """Export how far an adversary is with a classifier's classes, and whom its pictures show."""
        if wall is None or not wall.attack:
            return
        finished = sum(entry.picture.final for entry in wall.made.values())
        for state, count in (("wanted", len(wall.names)), ("finished", finished)):
            self._classes.labels(wall.attack, "", state).set(count)
        for judge in wall.judges:
            right, asked = wall.recognised(judge)
            for state, count in (("recognised", right), ("judged", asked)):
                self._classes.labels(wall.attack, judge, state).set(count)

    def show_leaks(self, threshold: AlarmThreshold) -> None:
        """Export the leaks as they are now, and the alarm's threshold. The blind attacker's is nothing."""
        for name, leak in self._meter.leaks.items():
            attack, _, rung = name.partition(".")
            self._thumbnails.labels(attack, rung).set(leak.thumbnail.side)
        if self._meter.blind is not None:
            self._thumbnails.labels(attacks.BLIND, "").set(0)
        self._threshold.labels(threshold.unit).set(threshold.value)

    def watch_queues(self, queues: Mapping[str, Callable[[], float]]) -> None:
        """Export the depths of queues by name."""
        for name, depth in queues.items():
            self._metrics.queue_depth.labels(name).set_function(depth)

    def witnessed(self, truth: Truth) -> None:  # noqa: ARG002
        self._metrics.frames.labels("witnessed").inc()

    def concluded(self, outcome: Outcome) -> None:
        self._metrics.frames.labels("dropped" if outcome.dropped else "answered").inc()

    def judged(self, scored: ScoredReconstruction) -> None:
        told = scored.reconstruction
        blind = attacks.is_blind(told.attack)
        if told.final and not (blind and told.rung != self._meter.blind):
            labels = told.attack, "" if blind else told.rung
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
