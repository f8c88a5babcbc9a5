"""A metric of one's own, of a set."""

from keyhole.metrics import Metric

spread = Metric(
    "spread", "Spread", lambda made, _: made.std(dim=0).mean(), "higher", unit="m", scope="set", fewest=2, digits=1
)
