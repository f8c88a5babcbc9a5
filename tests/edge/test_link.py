"""The emulated link, on a virtual clock."""

from __future__ import annotations

import math

import pytest

from edge.round_trip import BURST, Link, LinkDirection
from keyhole.wire.link_profiles import PROFILES, LinkProfile, link_profile


class VirtualClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def megabit(delay: float = 0.02) -> LinkDirection:
    return LinkDirection(1e6, delay, burst=0)


def test_a_transfer_takes_its_bits_over_the_rate_plus_the_delay():
    assert megabit().send(125_000, now=5.0) == pytest.approx(5.0 + 1.0 + 0.02)


def test_transfers_queue_for_the_rate_but_share_the_delay():
    direction = megabit()
    assert [direction.send(125_000, now=0.0) for _ in range(3)] == pytest.approx([1.02, 2.02, 3.02])


def test_an_idle_lane_owes_nothing():
    direction = megabit()
    direction.send(125_000, now=0.0)
    assert direction.send(125_000, now=10.0) == pytest.approx(11.02)


def test_a_lane_saves_no_more_than_one_packet():
    direction = LinkDirection(1e6, 0.0)
    direction.send(1, now=0.0)
    assert direction.send(int(BURST), now=1000.0) == 1000.0
    assert direction.send(125_000, now=1000.0) == pytest.approx(1001.0)


def test_a_transfer_past_its_deadline_holds_the_lane_until_the_deadline_and_no_longer():
    direction = megabit()
    assert math.isinf(direction.send(1_250_000, now=0.0, deadline=2.0))
    assert direction.send(125_000, now=0.0) == pytest.approx(3.02)


def test_a_transfer_that_waits_past_its_deadline_does_not_shorten_the_queue():
    direction = megabit()
    direction.send(500_000, now=0.0)
    assert math.isinf(direction.send(125_000, now=0.0, deadline=1.0))
    assert direction.send(125_000, now=0.0) == pytest.approx(5.02)


def test_long_run_throughput_is_the_rate():
    direction, now, size = LinkDirection(10e6, 0.0), 0.0, 40_000
    for _ in range(500):
        now = direction.send(size, now)
    assert now == pytest.approx(500 * size * 8 / 10e6, rel=0.01)


def test_both_directions_have_their_own_rate():
    clock = VirtualClock()
    link = Link(LinkProfile("test", 1e6, 8e6, 0.05), clock, clock.sleep)
    assert link.carry_up(125_000, deadline=math.inf)
    assert clock.now == pytest.approx(101.05, abs=0.02)
    assert link.carry_down(125_000, deadline=math.inf)
    assert clock.now == pytest.approx(101.225, abs=0.02)


def test_the_wait_ends_at_the_deadline():
    clock = VirtualClock()
    link = Link(LinkProfile("test", 1e6, 1e6, 0.0), clock, clock.sleep)
    assert not link.carry_up(1_250_000, deadline=103.0)
    assert clock.now == 103.0


def test_the_delay_alone_can_miss_the_deadline():
    clock = VirtualClock()
    link = Link(LinkProfile("test", math.inf, math.inf, 2.0), clock, clock.sleep)
    assert not link.carry_up(1, deadline=101.0)
    assert clock.now == 101.0


def test_no_link_takes_no_time():
    clock = VirtualClock()
    link = Link(link_profile("none"), clock, clock.sleep)
    assert link.carry_up(10**9, deadline=100.0)
    assert clock.now == 100.0


def test_presets_are_ordered_from_fast_to_slow():
    ordered = [PROFILES[name] for name in ("none", "lan", "wifi", "5g", "lte", "3g")]
    assert [profile.down for profile in ordered[3:]] == sorted((p.down for p in ordered[3:]), reverse=True)
    assert [profile.delay for profile in ordered] == sorted(profile.delay for profile in ordered)


@pytest.mark.parametrize(
    ("text", "rate", "delay"),
    [("10mbit:20ms", 10e6, 0.02), ("512kbit", 512e3, 0.0), ("1.5Gbit:0.5ms", 1.5e9, 0.0005)],
)
def test_custom_links(text, rate, delay):
    assert link_profile(text) == LinkProfile(text, rate, rate, delay)


@pytest.mark.parametrize("text", ["ltee", "10mbit:20", "0mbit", "-3mbit", "fast", "", "10mbit:20ms:30ms"])
def test_unknown_links_are_refused_with_the_syntax(text):
    with pytest.raises(ValueError, match=r"10mbit:20ms") as failure:
        link_profile(text)
    assert "'" + text + "'" in str(failure.value)


def test_a_misspelt_preset_names_the_nearest():
    with pytest.raises(ValueError, match="nearest wifi"):
        link_profile("wify")
