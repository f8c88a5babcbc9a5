"""Metrics of one's own: of a set and of a picture."""

from keyhole.metrics import Metric

spread = Metric(
    "spread", "Spread", lambda made, _: made.std(dim=0).mean(), "higher", unit="m", scope="set", fewest=2, digits=1
)
darkness = Metric("darkness", "Darkness", lambda made, truth: (made - truth).abs().mean(dim=(1, 2, 3)), "lower")
