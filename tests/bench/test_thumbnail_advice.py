"""Leaks as thumbnails in the advice: limits, defaults, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keyhole.bench.advice.command import recommend
from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.exposure import equivalent_thumbnail, picture_exposures, secret_exposures
from keyhole.bench.advice.options import Option, options
from keyhole.bench.advice.recommendation import Recommendation, recommendation
from keyhole.bench.advice.sentences import headline
from keyhole.bench.advice.thumbnail_limit import UNJUDGED, ThumbnailLimit
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design, LeakRecord, ScaleRecord
from keyhole.bench.results import Results
from keyhole.bench.settings import RecommendSettings
from keyhole.judge.thresholds import MeasuredLegibility
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError
from tests.bench.making import SIDES, SPREAD, TARGET, WHOLE, latency, leak, legibility, run, scale, score, ssim_of

DEEP = Design(TARGET, "layer3.0", "gaussian:scale=0.5", "int8")
"""SSIM 0.25."""


def with_scale(found: ScaleRecord | None = None, *, baselines: bool = True) -> Results:
    results = run()
    kept = [each for each in results.latencies if baselines or each.design.cut not in (EDGE_ONLY, CLOUD_ONLY)]
    return replace(results, latencies=kept, scales=[found or scale()])


def advice_on(results: Results, **limits: float | None) -> Recommendation:
    return recommendation(options(results), TARGET, "lte", constraints("lte", **limits))


def by_design(results: Results) -> dict[Design, Option]:
    return {option.design: option for option in options(results)}


def test_a_designs_thumbnail_scores_what_its_strongest_attack_scores_on_the_same_pictures() -> None:
    for option in options(with_scale()):
        if option.splits:
            assert option.thumbnail is not None
            expected = min(64, 2 ** ((ssim_of(option.design) - 0.2) / 0.1))
            assert option.thumbnail.side == pytest.approx(0 if ssim_of(option.design) < 0.15 else expected, rel=1e-6)
            assert option.side == option.thumbnail.side


def test_nothing_and_everything_are_the_ends() -> None:
    found = by_design(with_scale())
    assert found[WHOLE].side == 0
    assert found[Design(TARGET, CLOUD_ONLY)].side == 64
    tightest = by_design(with_scale(scale(blind=0.3)))[DEEP]
    assert tightest.side == 0
    assert tightest.blind is not None
    assert (tightest.blind.attack, tightest.blind.mean) == ("blind/flat", pytest.approx(0.3))


def test_an_attack_on_fewer_pictures_is_compared_on_these() -> None:
    """The blind attacker and the thumbnails do better on the first two pictures than on all."""
    thumbnails = ThumbnailScale(
        64, SIDES, {"ssim": [[score(side) + step for step in (0.1, 0.1, 0, 0, 0)] for side in SIDES]}
    )
    few = replace(scale(), thumbnails=thumbnails)
    (found,) = picture_exposures([LeakRecord(DEEP, "a", 0, {"ssim": [0.5, 0.5]})], "ssim")
    thumbnail = equivalent_thumbnail(found, few)
    assert thumbnail is not None
    assert thumbnail.side == pytest.approx(4)
    assert thumbnail.interval is None


def test_seeds_of_a_picture_count_once() -> None:
    leaks = [LeakRecord(DEEP, "a", seed, {"ssim": [0.5 + 0.1 * seed + s for s in SPREAD]}) for seed in (0, 1, 2)]
    (found,) = picture_exposures(leaks, "ssim")
    thumbnail = equivalent_thumbnail(found, scale())
    assert thumbnail is not None
    assert thumbnail.side == pytest.approx(16)
    assert thumbnail.interval == pytest.approx((16, 16))


def test_without_a_scale_there_is_no_thumbnail() -> None:
    found = by_design(replace(run(), scales=()))[DEEP]
    assert (found.thumbnail, found.side, found.blind) == (None, None, None)


def test_a_secret_counts_as_guessed_where_the_blind_attackers_picture_gives_it_away_too() -> None:
    leaks = [leak(DEEP, "a", 0.3, driver=0.75)]
    (bare,) = secret_exposures(leaks, "driver")
    assert not bare.share.as_by_guessing
    (beside,) = secret_exposures(leaks, "driver", scale(driver=0.7))
    assert (beside.guessing, beside.blind) == (0.05, 0.7)
    assert beside.share.as_by_guessing
    assert beside.share.recovered == 0


def test_a_limit_in_pixels_is_one_on_the_upper_end_of_the_thumbnail() -> None:
    wide = scale()
    noisy = [
        [value + step for value, step in zip(row, (0.08, -0.08, 0.02, -0.04, 0.02), strict=True)]
        for row in wide.thumbnails.scores["ssim"]
    ]
    results = with_scale(replace(wide, thumbnails=replace(wide.thumbnails, scores={"ssim": noisy})), baselines=False)
    option = by_design(results)[DEEP]
    assert option.thumbnail is not None
    assert option.thumbnail.interval is not None
    low, high = option.thumbnail.interval
    assert low < option.thumbnail.side < high
    (within,), (beyond,) = (constraints("lte", max_thumbnail=limit) for limit in (high + 0.01, high - 0.01))
    assert (within.sure(option), beyond.sure(option), beyond.excess(option)) == (True, False, 0)
    found = advice_on(results, max_thumbnail=high - 0.01, max_accuracy_loss=2)
    assert found.chosen is not None
    assert (found.chosen.design, found.sure) == (DEEP, False)


def test_without_an_interval_a_leak_may_be_anything_up_to_the_picture() -> None:
    few = [LeakRecord(DEEP, "a", 0, {"ssim": [0.25, 0.25]})]
    option = by_design(replace(with_scale(), leaks=few))[DEEP]
    for limits, sure in (({"max_thumbnail": 63}, False), ({"max_thumbnail": 64}, True), ({"max_ssim": 0.9}, False)):
        (limit,) = constraints("lte", **limits)
        assert (limit.sure(option), limit.excess(option)) == (sure, 0)


def test_what_an_attacker_gets_is_told_by_secret_thumbnail_and_ssim_in_that_order() -> None:
    found = advice_on(with_scale(baselines=False), max_thumbnail=2, max_accuracy_loss=2)
    lines = list(headline(found))
    assert lines[0] == (
        "On `lte`, with thumbnail ≤ 2 px and at most 2 points of accuracy lost: "
        "cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms."
    )
    assert lines[1] == (
        "An attacker gets driver 25 % (5 % by guessing); plate no better than by guessing; "
        "as sharp as a thumbnail of 1 px [1, 1]; SSIM 0.250 [0.224, 0.276] (0.150 by the blind attacker), "
        "by pixels-white, the strongest of 2 attacks."
    )


def test_designs_that_leak_nothing_leak_the_same() -> None:
    """SSIM 0.25 and 0.10, both below what knowing nothing scores: noise buys nothing."""
    results = with_scale(scale(blind=0.3), baselines=False)
    one, two = DEEP, replace(DEEP, defence="gaussian:scale=1")
    times = [replace(latency(design, "lte", 70), interval=(60, 80)) for design in (one, two)]
    found = advice_on(replace(results, latencies=times), max_thumbnail=2)
    assert found.chosen is not None
    assert found.chosen.design == one


def test_a_limit_on_ssim_below_the_blind_attackers_is_said_to_ask_for_less_than_nothing() -> None:
    lines = list(headline(advice_on(with_scale(scale(blind=0.4), baselines=False), max_ssim=0.3)))
    assert (
        "Knowing nothing scores more than SSIM 0.3: the blind attacker has 0.400 [0.374, 0.426]. "
        "--max-thumbnail limits what is above that." in lines
    )
    lines = list(headline(advice_on(with_scale(scale(blind=0.2), baselines=False), max_ssim=0.3)))
    assert not any("Knowing nothing" in line for line in lines)


def test_the_limit_is_what_the_judge_can_do_unless_it_is_given() -> None:
    read = legibility(**{"plate glyphs": 16, "vehicle": 4})
    found = ThumbnailLimit.of(scale(read=read), "photos")
    assert found.side == read.threshold == 4
    assert found.source == (
        "4 px is the limit because of thumbnails of the run's own 5 true pictures the judge reads better than by "
        "guessing: plate glyphs from 16 px on and vehicle from 4 px on."
    )
    assert ThumbnailLimit.of(scale(), "photos") == ThumbnailLimit(
        UNJUDGED, "8 px is the limit where no judge reads the pictures."
    )
    illegible = ThumbnailLimit.of(scale(read=legibility(vehicle=999)), "photos")
    assert illegible.side == UNJUDGED
    assert "reads nothing, even in the pictures" in illegible.source


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> MeasuredLegibility:
    """What the shipped judge, ``abc``, read from thumbnails of other pictures of streetcam, 64 px as the run's."""
    found = MeasuredLegibility(legibility(vehicle=2), 40, 40, 1, "keyhole legibility", "abc")
    monkeypatch.setattr("keyhole.bench.advice.thumbnail_limit.read_legibility", lambda: found)
    return found


def test_the_limit_is_measured_on_other_pictures_than_the_leaks_where_the_judge_was_measured_for_such(
    shipped: MeasuredLegibility,
) -> None:
    read = replace(scale(read=legibility(vehicle=4)), judge="abc")
    found = ThumbnailLimit.of(read, "streetcam")
    assert found.side == shipped.legibility.threshold == 2
    assert "of thumbnails of 40 true pictures that are none of the run's the judge reads better" in found.source
    assert ThumbnailLimit.of(replace(read, legibility=None), "streetcam").side == UNJUDGED, "no secrets to ask about"


@pytest.mark.parametrize(
    ("pictures", "judge", "full"),
    [
        ("photos", "abc", 64),
        (None, "abc", 64),
        ("streetcam", "abd", 64),
        ("streetcam", "", 64),
        ("streetcam", "abc", 32),
    ],
)
def test_another_source_judge_or_size_leaves_the_runs_own_pictures(
    shipped: MeasuredLegibility, pictures: str | None, judge: str, full: int
) -> None:
    read = scale(read=legibility(vehicle=4))
    read = replace(read, judge=judge, thumbnails=replace(read.thumbnails, full=full))
    found = ThumbnailLimit.of(read, pictures)
    assert (found.side, shipped.legibility.threshold) == (4, 2)
    assert "of the run's own 5 true pictures" in found.source


def test_a_judge_that_was_not_measured_leaves_the_runs_own_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyhole.bench.advice.thumbnail_limit.read_legibility", lambda: None)
    found = ThumbnailLimit.of(replace(scale(read=legibility(vehicle=4)), judge="abc"), "streetcam")
    assert found.side == 4


def test_the_command_knows_the_source_of_the_runs_pictures(
    shipped: MeasuredLegibility, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = with_scale(replace(scale(read=legibility(vehicle=4)), judge=shipped.judge), baselines=False)
    facts = {**judged.provenance, "terms": "preset quick, source streetcam, public streetcam"}
    for results, limit in ((replace(judged, provenance=facts), 2), (judged, 4)):
        _, out = told(capsys, results, max_accuracy_loss=2.0)
        assert f"with thumbnail ≤ {limit} px" in out


def told(capsys: pytest.CaptureFixture[str], results: Results, **flags: float) -> tuple[int, str]:
    code = recommend(RecommendSettings(run=Path("runs/x"), link="lte", **flags), load=lambda _: results)
    return code, capsys.readouterr().out


def test_the_command_takes_the_judges_limit_says_why_and_lets_it_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    judged = with_scale(scale(read=legibility(vehicle=4)), baselines=False)
    code, out = told(capsys, judged, max_accuracy_loss=2.0)
    assert code == 0
    assert out.startswith("On `lte`, with thumbnail ≤ 4 px and at most 2 points of accuracy lost: cut at")
    assert out.endswith("reads better than by guessing: vehicle from 4 px on.\n")
    code, out = told(capsys, judged, max_thumbnail=32.0)
    assert "with thumbnail ≤ 32 px: cut at `layer1.0`, gaussian:scale=1, int8: 57 ms" in out
    assert "is the limit" not in out
    code, out = told(capsys, judged, max_ssim=0.95)
    assert out.startswith("On `lte`, with SSIM ≤ 0.95: cut at `layer1.0`")


@pytest.mark.parametrize("flags", [{}, {"max_thumbnail": 8.0}])
def test_a_run_without_a_scale_asks_for_ssim(capsys: pytest.CaptureFixture[str], flags: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"runs/x has no scale for toy.*--only scale.*or give --max-ssim"):
        told(capsys, replace(run(), scales=()), **flags)
    code, _ = told(capsys, replace(run(), scales=()), max_ssim=0.3)
    assert code == 0


def test_sending_nothing_satisfies_every_limit_and_sending_the_picture_none() -> None:
    found = by_design(with_scale())
    for limits in ({"max_thumbnail": 0.0}, {"max_ssim": -1.0}):
        (limit,) = constraints("lte", **limits)
        assert limit.sure(found[WHOLE])
        assert not limit.excess(found[WHOLE])
    (limit,) = constraints("lte", max_thumbnail=63)
    assert limit.excess(found[Design(TARGET, CLOUD_ONLY)])


def test_a_secret_that_is_read_within_the_judges_limit_is_a_doubt_about_the_unit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    judged = with_scale(scale(read=legibility(vehicle=4)), baselines=False)
    warning = "Within the limit, and yet the judge reads something: driver and plate."
    assert warning in told(capsys, judged, max_accuracy_loss=2.0)[1]
    assert warning not in told(capsys, judged, max_accuracy_loss=2.0, max_thumbnail=4.0)[1]
    unread = replace(judged, leaks=[replace(each, secrets={}) for each in judged.leaks])
    assert warning not in told(capsys, unread, max_accuracy_loss=2.0)[1]


def test_a_split_that_only_probably_satisfies_all_is_called_that_where_none_is_forced() -> None:
    few = [replace(each, scores={"ssim": each.scores["ssim"][1:4]}) for each in run().leaks]
    lines = list(headline(advice_on(replace(with_scale(), leaks=few), max_thumbnail=2, max_accuracy_loss=2)))
    assert any(line.startswith("Best split that probably satisfies all: cut at `layer3.0`") for line in lines)
    lines = list(headline(advice_on(with_scale(), max_thumbnail=2, max_accuracy_loss=2)))
    assert any(line.startswith("Best split that satisfies all: cut at `layer3.0`") for line in lines)
