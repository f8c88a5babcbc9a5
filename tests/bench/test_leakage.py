from __future__ import annotations

import dataclasses
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyhole.bench.advice.exposure import picture_exposures, secret_exposures, worst
from keyhole.bench.advice.options import options
from keyhole.bench.advice.puri import puri
from keyhole.bench.records import AccuracyRecord, Design, LeakRecord, ProfileRecord
from keyhole.bench.report.tradeoff import pareto_front
from keyhole.bench.results import Results
from keyhole.metrics.interval import mean_interval
from tests.bench.making import DESIGNS, accuracy_of, latency, leak, p50_of, run, ssim_of

DESIGN = Design("toy", "layer1")
unit = st.integers(0, 10**6).map(lambda millionths: millionths / 10**6)


@given(st.lists(st.lists(unit, min_size=5, max_size=5), min_size=1, max_size=4))
def test_the_mean_is_over_pictures_and_seeds_and_the_interval_over_pictures(seeds: list[list[float]]) -> None:
    (found,) = picture_exposures([LeakRecord(DESIGN, "a", n, {"ssim": s}) for n, s in enumerate(seeds)], "ssim")
    pictures = [statistics.fmean(values) for values in zip(*seeds, strict=True)]
    assert found.mean == pytest.approx(statistics.fmean(value for seed in seeds for value in seed))
    assert found.interval == mean_interval(pictures)
    assert (found.pictures, found.seeds) == (5, len(seeds))


def test_the_leak_is_that_of_the_attack_with_the_greatest_mean() -> None:
    leaks = [leak(DESIGN, "weak", 0.2), leak(DESIGN, "strong", 0.5), leak(DESIGN, "strong", 0.7, seed=1)]
    found = worst(picture_exposures(leaks, "ssim"))
    assert found is not None
    assert (found.attack, round(found.mean, 6), found.seeds) == ("strong", 0.6, 2)


def test_a_secret_is_that_of_the_attack_that_recovers_most_of_it() -> None:
    leaks = [leak(DESIGN, "a", 0.9, plate=0.1), leak(DESIGN, "b", 0.2, plate=0.3), leak(DESIGN, "b", 0.2, 1, plate=0.5)]
    found = worst(secret_exposures(leaks, "plate"))
    assert found is not None
    assert (found.attack, found.mean, found.seeds) == ("b", 0.4, 2)
    assert (found.guessing, found.pictures) == (0.05, 8)
    assert found.interval is None  # of two seeds
    assert worst(secret_exposures(leaks, "driver")) is None


@pytest.mark.parametrize(
    ("attack", "pictures", "seeds", "thin"),
    [
        ("pixels-white", 32, 1, False),
        ("pixels-white", 31, 3, True),
        ("pixels-black", 100, 3, False),
        ("pixels-black", 100, 2, True),
        ("decoder-white/refined", 32, 3, True),
        ("of.another:Version", 32, 1, True),
        ("picture", 100, 1, False),
    ],
)
def test_a_network_needs_more_evidence_than_an_optimiser(attack, pictures, seeds, thin) -> None:
    leaks = [LeakRecord(DESIGN, attack, seed, {"ssim": [0.5] * pictures}) for seed in range(seeds)]
    assert picture_exposures(leaks, "ssim")[0].thin == thin


def test_without_an_attack_there_is_no_leak() -> None:
    assert worst(picture_exposures([], "ssim")) is None
    assert worst(picture_exposures([LeakRecord(DESIGN, "a", 0, {"psnr": [1.0]})], "ssim")) is None
    assert picture_exposures([LeakRecord(DESIGN, "a", 0, {"ssim": [0.5] * 4})], "ssim")[0].interval is None


def test_an_option_joins_what_was_measured_of_a_design() -> None:
    found = {option.design: option for option in options(run())}
    for design in DESIGNS:
        option = found[design]
        assert option.leak() == pytest.approx(ssim_of(design))
        assert option.exposure["ssim"].attack == "pixels-white"
        assert option.secrets["plate"].mean == pytest.approx(ssim_of(design) / 2)
        assert option.loss == pytest.approx(80 - accuracy_of(design))
        assert option.p50("lte") == p50_of(design, "lte")
        assert option.splits
    assert len(found) == len(DESIGNS) + 2


def test_puri_is_that_of_the_worst_attacks_beside_the_undefended_design_at_the_same_cut() -> None:
    found = {option.design: option for option in options(run())}
    bare, design = Design("toy", "layer2.0"), Design("toy", "layer2.0", "gaussian:scale=1", "int8")
    before, after = ssim_of(bare), ssim_of(design)
    ratios = [after / before, (10 + 20 * after) / (10 + 20 * before), (0.5 + after / 2) / (0.5 + before / 2)]
    expected = puri(accuracy_of(design) / 80, 1 - sum(ratios) / 3)
    assert found[design].puri == pytest.approx(expected)
    assert found[bare].puri == 0


def test_puri_is_beside_the_same_codec_where_fp32_was_not_attacked() -> None:
    made = run()
    coded = [leak for leak in made.leaks if leak.design.codec == "int8"]
    found = {option.design: option for option in options(dataclasses.replace(made, leaks=coded))}
    bare, noisy = (Design("toy", "layer1.0", defence, "int8") for defence in ("none", "gaussian:scale=1"))
    assert found[bare].puri == 0
    assert found[noisy].puri > 0
    assert all(option.puri is None for design, option in found.items() if design.codec == "fp32")


def test_accuracy_is_lost_against_the_whole_model_where_no_undefended_design_was_measured() -> None:
    design, whole = Design("toy", "layer1", codec="int8"), Design("toy", "edge-only", codec="none")
    results = Results(accuracies=[AccuracyRecord(design, "top-1", 70, 9), AccuracyRecord(whole, "top-1", 72, 9)])
    assert [option.loss for option in options(results)] == [2, 0]


def test_another_targets_accuracy_is_no_reference() -> None:
    design, other = Design("toy", "layer1", codec="int8"), Design("other", "layer1")
    results = Results(accuracies=[AccuracyRecord(design, "top-1", 70, 9), AccuracyRecord(other, "top-1", 72, 9)])
    assert [option.loss for option in options(results)] == [None, 0]


def test_what_was_not_measured_is_none() -> None:
    (profiled, timed) = options(
        Results(profiles=[ProfileRecord(DESIGNS[0], 1, 2, 3)], latencies=[latency(DESIGNS[1], "lte", 5)])
    )
    assert (profiled.p50("lte"), profiled.leak(), profiled.loss, profiled.puri, profiled.macs) == (
        None,
        None,
        None,
        None,
        3,
    )
    assert (timed.p50("lte"), timed.p50("wifi"), timed.macs) == (5, None, None)


coarse = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(st.lists(coarse | st.tuples(unit, unit), max_size=30))
def test_the_front_is_what_no_other_point_beats(points: list[tuple[float, float]]) -> None:
    def beaten(point: tuple[float, float]) -> bool:
        return any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)

    assert pareto_front(points, lambda point: point) == sorted(point for point in points if not beaten(point))


def test_a_metric_that_is_lower_for_better_attacks_leaks_by_its_least_mean() -> None:
    leaks = [LeakRecord(DESIGN, name, 0, {"l2": [value] * 5}) for name, value in (("weak", 0.2), ("strong", 0.05))]
    (option,) = options(Results(leaks=leaks))
    assert (option.exposure["l2"].attack, option.exposure["l2"].mean) == ("strong", pytest.approx(0.05))


def test_a_value_of_a_set_is_its_mean_over_seeds_without_an_interval() -> None:
    leaks = [
        LeakRecord(DESIGN, name, seed, {"ssim": [0.5] * 6}, sets={"fid": value + seed}, shown=("fid",))
        for name, value in (("near", 40.0), ("far", 90.0))
        for seed in (0, 1)
    ]
    (option,) = options(Results(leaks=leaks))
    found = option.exposure["fid"]
    assert (found.attack, found.mean, found.interval, found.pictures, found.seeds) == ("near", 40.5, None, 6, 2)
    assert [metric.name for metric in option.metrics] == ["ssim", "psnr", "fid"]
