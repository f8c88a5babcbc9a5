"""Ties: designs whose latencies cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.ranking import best, same_latency, same_leak
from keyhole.bench.advice.recommendation import recommendation
from keyhole.bench.advice.sentences import headline
from keyhole.bench.records import AccuracyRecord, Design, LatencyRecord, LeakRecord, MachineLoad
from keyhole.bench.results import Results
from tests.bench.making import TARGET, latency

BARE, NOISY = Design(TARGET, "layer3.0"), Design(TARGET, "layer3.0", "gaussian:scale=0.5")
PATTERN = (0.0, 0.02, -0.02, 0.05, -0.05, 0.0)
"""What pictures have in common: designs differ on all of them by the same."""


def timed(design: Design, p50: float, low: float, high: float, load: MachineLoad | None = None) -> LatencyRecord:
    return replace(latency(design, "lte", p50), interval=(low, high), load=load)


def leaking(design: Design, ssim: float, values: Sequence[float] = PATTERN) -> LeakRecord:
    return LeakRecord(design, "pixels-white", 0, {"ssim": [ssim + value for value in values]})


def accurate(design: Design, percent: float) -> AccuracyRecord:
    return AccuracyRecord(design, "top-1", percent, 2000)


small = st.integers(0, 3)
rows = st.lists(st.tuples(small, small, small, small, small, st.booleans()), min_size=1, max_size=6)


def made(found: Sequence[tuple[int, int, int, int, int, bool]]) -> tuple[Option, ...]:
    """Of each: p50, how far down and up its interval reaches, leak in tenths, points lost, whether defended."""
    latencies, leaks, accuracies = [], [], [accurate(Design(TARGET, "edge-only", codec="none"), 80.0)]
    for number, (p50, down, up, tenths, lost, defended) in enumerate(found):
        design = Design(TARGET, f"cut{number}", "dropout:share=0.1" if defended else "none", "int8")
        latencies.append(timed(design, 10 + p50, 10 + p50 - down, 10 + p50 + up))
        leaks.append(leaking(design, 0.3 + tenths / 10))
        accuracies.append(accurate(design, 80.0 - lost))
    return tuple(each for each in options(Results((), latencies, accuracies, leaks)) if each.splits)


def costs(option: Option) -> tuple[float, ...]:
    p50, leak, loss = option.p50("lte"), option.leak(), option.loss
    assert p50 is not None
    assert leak is not None
    assert loss is not None
    return p50, leak, loss, option.design.defence != "none"


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_no_order_changes_the_choice_and_nothing_beats_it(found, random) -> None:
    weighed = made(found)
    choice = best(weighed, "lte")
    assert choice is not None
    shuffled = list(weighed)
    random.shuffle(shuffled)
    assert best(shuffled, "lte") == choice
    mine = costs(choice.option)
    beaten_by = [
        each for each in map(costs, weighed) if each != mine and all(a <= b for a, b in zip(each, mine, strict=True))
    ]
    assert not beaten_by
    fastest = min(weighed, key=costs)
    assert same_latency(choice.option, fastest, "lte")
    for other in choice.tied:
        assert same_latency(other, fastest, "lte")
        assert costs(other)[1] >= mine[1]  # leaks differ by the same on all pictures, so that each can be told


def test_of_two_that_take_as_long_and_leak_as_much_the_one_without_noise_is_chosen() -> None:
    hardly = [value + wobble for value, wobble in zip(PATTERN, (0.03, -0.03, 0.02, -0.02, 0.01, -0.02), strict=True)]
    results = Results(
        latencies=[timed(BARE, 69, 55, 80), timed(NOISY, 60, 52, 70)],
        leaks=[leaking(BARE, 0.6), leaking(NOISY, 0.6, hardly)],
    )
    assert [round(option.leak() or 0, 4) for option in options(results)] == [0.6, 0.5983]
    found = recommendation(options(results), TARGET, "lte", ())
    assert found.chosen
    assert (found.chosen.design, [other.design for other in found.tied]) == (BARE, [NOISY])
    assert (
        "Its 69 ms and the 60 ms of cut at `layer3.0`, gaussian:scale=0.5, fp32 cannot be told apart; "
        "it leaks as much and is simpler." in headline(found)
    )


def test_of_two_that_take_as_long_the_one_that_leaks_less_is_chosen() -> None:
    results = Results(
        latencies=[timed(BARE, 60, 55, 80), timed(NOISY, 69, 52, 70)],
        leaks=[leaking(BARE, 0.62), leaking(NOISY, 0.6)],
    )
    found = recommendation(options(results), TARGET, "lte", ())
    assert found.chosen
    assert found.chosen.design == NOISY
    assert any(line.endswith("cannot be told apart; it leaks less.") for line in headline(found))


def test_of_two_that_take_and_leak_as_much_the_more_accurate_is_chosen() -> None:
    results = Results(
        latencies=[timed(BARE, 60, 55, 80), timed(NOISY, 69, 52, 70)],
        accuracies=[accurate(BARE, 76.0), accurate(NOISY, 80.0)],
        leaks=[leaking(BARE, 0.6), leaking(NOISY, 0.6)],
    )
    found = recommendation(options(results), TARGET, "lte", ())
    assert found.chosen
    assert found.chosen.design == NOISY
    assert any(line.endswith("it leaks as much and loses less accuracy.") for line in headline(found))


@pytest.mark.parametrize("ends", [((60.0, 72.0), (61.0, 74.0)), (None, None)])
def test_of_two_whose_accuracy_cannot_be_told_apart_the_simpler_is_chosen(ends) -> None:
    """Of mAP by its interval over pictures, of shares by theirs; without an interval by the value alone."""
    bare, noisy = (
        AccuracyRecord(design, "mAP", value, 300, interval)
        for design, value, interval in zip((BARE, NOISY), (66.0, 67.5), ends, strict=True)
    )
    shares = [accurate(BARE, 79.0), accurate(NOISY, 80.0)]
    for measured in ([bare, noisy], shares):
        results = Results(
            latencies=[timed(BARE, 60, 55, 80), timed(NOISY, 59, 52, 70)],
            accuracies=measured,
            leaks=[leaking(BARE, 0.6), leaking(NOISY, 0.6)],
        )
        found = recommendation(options(results), TARGET, "lte", ())
        told = measured is shares or ends[0] is not None
        assert found.chosen
        assert found.chosen.design == (BARE if told else NOISY)
        assert any(line.endswith("it leaks as much and is simpler.") == told for line in headline(found))


def test_medians_that_can_be_told_apart_are_no_tie_however_much_the_faster_leaks() -> None:
    results = Results(
        latencies=[timed(BARE, 60, 58, 62), timed(NOISY, 69, 67, 71)],
        leaks=[leaking(BARE, 0.9), leaking(NOISY, 0.3)],
    )
    found = recommendation(options(results), TARGET, "lte", ())
    assert found.chosen
    assert (found.chosen.design, found.tied) == (BARE, ())
    assert not any("told apart" in line for line in headline(found))


def test_leaks_are_compared_picture_by_picture() -> None:
    """Means of 0.60 and 0.62 whose intervals overlap widely, but one is higher on every picture."""
    bare, noisy = options(Results(leaks=[leaking(BARE, 0.62), leaking(NOISY, 0.6)]))
    intervals = [option.exposure["ssim"].interval for option in (bare, noisy)]
    assert intervals[0]
    assert intervals[1]
    assert intervals[0][0] < intervals[1][1]
    assert not same_leak(bare, noisy)


def test_a_limit_is_asked_of_every_tied_design() -> None:
    results = Results(
        latencies=[timed(BARE, 60, 55, 80), timed(NOISY, 69, 52, 70)],
        accuracies=[accurate(BARE, 80.0), accurate(NOISY, 70.0)],
        leaks=[leaking(BARE, 0.62), leaking(NOISY, 0.6)],
    )
    found = recommendation(options(results), TARGET, "lte", constraints("lte", max_accuracy_loss=1))
    assert found.chosen
    assert (found.chosen.design, found.tied) == (BARE, ())


def test_a_run_under_load_says_so() -> None:
    quiet, busy = MachineLoad(0.05, 2), MachineLoad(1.4, 2)
    results = Results(
        latencies=[timed(BARE, 60, 58, 62, quiet), timed(NOISY, 69, 67, 71, busy)],
        leaks=[leaking(BARE, 0.9), leaking(NOISY, 0.3)],
    )
    lines = list(headline(recommendation(options(results), TARGET, "lte", ())))
    told = "1 of 2 latencies were taken under load (1.4 of 2 cores busy with other work at most)"
    assert sum(told in line for line in lines) == 1
    idle = replace(results, latencies=[timed(BARE, 60, 58, 62, quiet)])
    assert not any("under load" in line for line in headline(recommendation(options(idle), TARGET, "lte", ())))


def test_an_interval_that_reaches_over_the_limit_on_latency_is_said() -> None:
    results = Results(latencies=[timed(BARE, 60, 55, 80)], leaks=[leaking(BARE, 0.6)])
    told = "The 95 % interval of its latency goes up to 80 ms, over the limit."
    for limit, said in ((70, True), (80, False)):
        found = recommendation(options(results), TARGET, "lte", constraints("lte", max_latency=limit))
        lines = list(headline(found))
        assert lines[0].endswith(f"at most {limit} ms: cut at `layer3.0`, undefended, fp32: 60 ms [55, 80].")
        assert (told in lines) == said
