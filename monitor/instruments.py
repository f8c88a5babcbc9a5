"""What the monitor exports to Prometheus beyond the calls that its servers count."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import Counter

from keyhole.judge.recovery import Recovery
from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Outcome, Reconstruction, Truth
from monitor.listener import Case, Listener


class Instruments(Listener):
    """Counts and measures what the referee tells.

    Args:
        metrics: the process's instruments.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.registry = metrics.registry
        self._unmatched = Counter(
            "keyhole_unmatched_total",
            "Reconstructions that waited for their truth and have no score.",
            ["attack", "reason"],
            registry=metrics.registry,
        )

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

    def judged(self, case: Case) -> None:
        if case.reconstruction.final:
            labels = case.reconstruction.attack, case.reconstruction.rung
            self._metrics.psnr.labels(*labels).observe(case.score.psnr)
            self._metrics.ssim.labels(*labels).observe(case.score.ssim)
        if case.recovery:
            self._recovered(case.reconstruction, case.recovery)

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
