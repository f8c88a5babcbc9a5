from __future__ import annotations

from adversary.meter import Meter


def test_it_counts_and_tells_the_rate_of_the_last_five_seconds():
    now, counted = [0.0], []
    meter = Meter(lambda: counted.append(1), clock=lambda: now[0])
    for _ in range(20):
        meter.step()
        now[0] += 0.5
    assert len(counted) == 20
    assert meter.rate() == 9 / 5
    now[0] += 60
    assert meter.rate() == 0
