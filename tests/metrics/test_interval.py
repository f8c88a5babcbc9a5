import math

import pytest
from scipy import stats

from keyhole.metrics.interval import reach_95


def test_it_is_students() -> None:
    values = [20.0, 23.5, 19.0, 28.25]
    low, high = stats.t.interval(0.95, 3, loc=0, scale=stats.sem(values))
    assert reach_95(values) == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.inf], [math.nan, 2.0]])
def test_where_there_is_none(values: list[float]) -> None:
    assert math.isnan(reach_95(values))
