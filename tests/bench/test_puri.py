from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyhole.bench.advice.puri import privacy, puri, utility

shares = st.floats(0.01, 1)


@given(shares, shares)
def test_it_is_the_weighted_harmonic_mean_of_seven_parts_privacy_and_three_parts_utility(u: float, p: float) -> None:
    assert puri(u, p) == pytest.approx(statistics.harmonic_mean([p] * 7 + [u] * 3))


@given(shares, shares)
def test_a_weight_of_one_half_takes_no_side(u: float, p: float) -> None:
    assert puri(u, p, weight=0.5) == pytest.approx(puri(p, u, weight=0.5))


def test_nothing_left_of_either_is_nothing() -> None:
    assert puri(0.0, 1.0) == puri(1.0, 0.0) == 0.0


def test_privacy_is_what_the_three_ratios_leave() -> None:
    before = {"ssim": 0.8, "psnr": 20.0, "fsim": 0.9, "l2": 3.0}
    after = {"ssim": 0.2, "psnr": 10.0, "fsim": 0.675, "l2": 9.0}
    assert privacy(after, before) == pytest.approx(1 - (0.25 + 0.5 + 0.75) / 3)
    assert privacy(before, before) == 0
    assert privacy(before, after) == 0


@pytest.mark.parametrize("missing", ["ssim", "psnr", "fsim"])
def test_without_one_of_the_metrics_there_is_no_privacy(missing: str) -> None:
    full = {"ssim": 0.8, "psnr": 20.0, "fsim": 0.9}
    less = {name: value for name, value in full.items() if name != missing}
    assert privacy(less, full) is None
    assert privacy(full, less) is None
    assert privacy({**full, missing: math.inf}, full) is None
    assert privacy(full, {**full, missing: 0.0}) is None


def test_utility_is_a_ratio_to_a_model_that_works() -> None:
    assert utility(45.0, 90.0) == 0.5
    with pytest.raises(ValueError, match="more than 0"):
        utility(1.0, 0.0)


def test_a_weight_beyond_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        puri(1.0, 1.0, weight=1.5)
