from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from keyhole.metrics.interval import LEAST, Mean, arms, mean_interval, share_interval, unit_interval

ssims = st.lists(st.floats(-1, 1, width=32), min_size=LEAST, max_size=40)


@given(ssims)
def test_an_interval_holds_the_mean_and_lies_where_the_values_lie(values: list[float]) -> None:
    low, high = mean_interval(values) or (math.nan, math.nan)
    assert min(values) <= low <= high <= max(values)
    assert low - 1e-6 <= statistics.fmean(values) <= high + 1e-6


@given(ssims)
def test_it_is_the_same_each_time(values: list[float]) -> None:
    assert mean_interval(values) == mean_interval(list(values))


@pytest.mark.parametrize("values", [[], [1.0], [0.1, 0.9, 0.2, 0.8], [*[1.0] * 5, math.inf], [math.nan, *[2.0] * 5]])
def test_where_there_is_none(values: list[float]) -> None:
    assert mean_interval(values) is None


@pytest.mark.parametrize("count", [30, 200, 3000])
def test_of_many_values_it_is_students(count: int) -> None:
    values = np.random.default_rng(count).normal(25, 3, count)
    expected = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    assert mean_interval(values.tolist()) == pytest.approx(expected, abs=0.15 * stats.sem(values) * 2)


@pytest.mark.parametrize("count", [5, 8, 16])
def test_few_values_hold_the_true_mean_about_as_often_as_it_says(count: int) -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        low, high = mean_interval(random.beta(8, 2, count).tolist()) or (math.nan, math.nan)
        held += low <= 0.8 <= high
    assert 0.88 <= held / 300 <= 0.98


def test_differences_over_the_same_pictures_are_told_apart_where_the_means_are_not() -> None:
    random = np.random.default_rng(0)
    first = random.normal(0.6, 0.2, 20)
    second = first + random.normal(0.03, 0.01, 20)
    (a_low, a_high), (b_low, b_high) = (mean_interval(values.tolist()) or (0, 0) for values in (first, second))
    assert a_low < b_low < a_high < b_high
    low, _ = mean_interval((second - first).tolist()) or (0, 0)
    assert low > 0


@given(st.integers(LEAST, 300).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_a_share_has_a_width_and_stays_between_none_and_all(asked: tuple[int, int]) -> None:
    hits, count = asked
    low, high = share_interval(hits, count) or (math.nan, math.nan)
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= hits / count <= high + 1e-9


def test_a_share_of_few_has_no_interval() -> None:
    assert share_interval(4, 4) is None


def test_arms_of_a_plot() -> None:
    assert arms(0.5, (0.4, 0.8)) == pytest.approx((0.1, 0.3))
    assert all(map(math.isnan, arms(0.5, None)))
    assert Mean.of([1.0, 3.0]).text(1) == "2.0"


def test_copies_of_values_in_one_unit_tell_no_more() -> None:
    values = np.random.default_rng(0).normal(0, 1, 12).tolist()
    copies, units = np.repeat(values, 4).tolist(), np.repeat(range(12), 4).tolist()
    alone = mean_interval(values)
    assert alone is not None
    assert Mean.of(copies, units).interval == pytest.approx(alone, abs=0.06)
    assert Mean.of(copies, units).mean == pytest.approx(statistics.fmean(values))
    narrow = mean_interval(copies)
    assert narrow is not None
    assert narrow[1] - narrow[0] < 0.7 * (alone[1] - alone[0])


def test_units_of_several_sizes_count_by_their_values() -> None:
    random = np.random.default_rng(1)
    sizes = random.integers(1, 6, 40)
    units = np.repeat(range(40), sizes).tolist()
    values = (np.repeat(random.normal(0, 1, 40), sizes) + random.normal(0, 0.2, len(units))).tolist()
    low, high = unit_interval(values, units) or (math.nan, math.nan)
    assert low < statistics.fmean(values) < high
    # the deviation of a ratio of sums over units, by linearisation
    gaps = np.bincount(units, weights=np.array(values) - statistics.fmean(values))
    error = math.sqrt((gaps**2).sum() * 40 / 39) / len(values)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 39) * error, rel=0.15)


@pytest.mark.parametrize("units", [[0, 0, 1, 1, 2, 2, 3, 3], [0] * 8])
def test_too_few_units_have_no_interval(units: list[int]) -> None:
    assert unit_interval([0.1 * place for place in range(8)], units) is None
    assert unit_interval([math.inf, *[0.0] * 7], list(range(8))) is None
