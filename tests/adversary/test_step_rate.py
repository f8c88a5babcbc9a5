"""The rate at which an attack steps."""

from __future__ import annotations

from adversary.process import StepRate


def test_it_counts_and_tells_the_rate_of_the_last_five_seconds():
    now, counted = [0.0], []
    rate = StepRate(lambda: counted.append(1), clock=lambda: now[0])
    for _ in range(20):
        rate.step()
        now[0] += 0.5
    assert len(counted) == 20
    assert rate.per_second() == 9 / 5
    now[0] += 60
    assert rate.per_second() == 0
