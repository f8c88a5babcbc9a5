from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyhole.bench.advice.command import recommend
from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import options
from keyhole.bench.advice.recommendation import Recommendation, recommendation
from keyhole.bench.advice.sentences import headline, sentences
from keyhole.bench.records import BASELINES, AccuracyRecord, Design, LatencyRecord, LeakRecord, ProfileRecord
from keyhole.bench.results import Results
from keyhole.bench.settings import RecommendSettings
from keyhole.bench.summary import print_results
from keyhole.service.errors import UsageError
from keyhole.terminal import terminal
from tests.bench.making import TARGET, latency, p50_of, run

UNDEFENDED = Design("toy", "cut", "none", "fp32")
SIX_LINKS = ("none", "lan", "wifi", "5g", "lte@8x", "10mbit:20ms@2.5x")


def advice_on(results: Results, link: str = "lte", **limits: float | None) -> Recommendation:
    return recommendation(options(results), TARGET, link, constraints(link, **limits))


def splits() -> Results:
    """The made-up run without its baselines and without its scale, as older runs are."""
    found = run()
    kept = [each for each in found.latencies if each.design.cut not in BASELINES]
    return replace(found, latencies=kept, scales=())


maybe = st.none() | st.integers(0, 4)
figures = st.lists(st.tuples(maybe, maybe, maybe, maybe), max_size=8)
limits = st.fixed_dictionaries(dict.fromkeys(("max_ssim", "max_accuracy_loss", "max_latency", "max_edge_macs"), maybe))


def results_of(rows: list[tuple[int | None, ...]]) -> Results:
    """Of each design p50, leak in tenths, accuracy lost, and MACs; and an accuracy of 80 to lose from."""
    made: tuple[list[LatencyRecord], list[AccuracyRecord], list[LeakRecord], list[ProfileRecord]] = ([], [], [], [])
    for number, (p50, tenths, lost, macs) in enumerate(rows):
        design = Design(TARGET, f"cut{number}", "dropout:share=0.1")
        made[0].extend([] if p50 is None else [latency(design, "lte", p50)])
        made[2].extend([] if tenths is None else [LeakRecord(design, "a", 0, {"ssim": [tenths / 10] * 2})])
        made[1].extend([] if lost is None else [AccuracyRecord(design, "top-1", 80.0 - lost, 9)])
        made[3].extend([] if macs is None else [ProfileRecord(design, 1, 1, macs)])
    made[1].append(AccuracyRecord(Design(TARGET, "edge-only", codec="none"), "top-1", 80.0, 9))
    return Results((), *made)


@settings(max_examples=300)
@given(figures, limits)
def test_it_is_what_trying_all_designs_finds(rows: list[tuple[int | None, ...]], asked: dict[str, int | None]) -> None:
    order = ("max_latency", "max_ssim", "max_accuracy_loss", "max_edge_macs")
    given_limits = {name: value for name in order if (value := asked[name]) is not None}
    needed = {"max_latency", *given_limits}
    judged = {
        f"cut{n}": dict(zip(order, row, strict=True))
        for n, row in enumerate(rows)
        if all(row[order.index(name)] is not None for name in needed)
    }

    def fit(limit: dict[str, int]) -> list[str]:
        names = [cut for cut, row in judged.items() if all((row[name] or 0) <= most for name, most in limit.items())]
        return sorted(names, key=lambda cut: (row_key(judged[cut]), cut))

    def row_key(row: dict[str, int | None]) -> tuple[float, ...]:
        leak, loss = row["max_ssim"], row["max_accuracy_loss"]
        return row["max_latency"] or 0, 99 if leak is None else leak, 99 if loss is None else loss

    scaled = {**asked, "max_ssim": None if asked["max_ssim"] is None else asked["max_ssim"] / 10}
    found = advice_on(results_of(rows), **scaled)
    best = fit(given_limits)
    assert (found.chosen and found.chosen.design.cut) == (best[0] if best else None)
    assert (found.runner_up and found.runner_up.design.cut) == (best[1] if len(best) > 1 else None)
    for constraint, other in found.without:
        name = {
            "leak": "max_ssim",
            "accuracy": "max_accuracy_loss",
            "latency": "max_latency",
            "multiply-accumulates": "max_edge_macs",
        }
        less = {key: most for key, most in given_limits.items() if key != name[constraint.measurement]}
        assert (other and other.design.cut) == next(iter(fit(less)), None)

    def distance(row: dict[str, int | None]) -> float:
        unit = {"max_ssim": 10.0}  # tenths of a leak whose limit is 0 count in units of 1
        return max(
            max(0, (row[name] or 0) - most) / (most or unit.get(name, 1.0)) for name, most in given_limits.items()
        )

    if best or not judged:
        assert found.nearest is None
    else:
        assert found.nearest is not None
        nearest = distance(judged[found.nearest.design.cut])
        assert nearest == pytest.approx(min(map(distance, judged.values())))
    assert {design.cut for design, _ in found.left_out} - {"edge-only"} == {
        f"cut{n}" for n, row in enumerate(rows) if f"cut{n}" not in judged and any(value is not None for value in row)
    }
    assert list(sentences(found))


def test_it_names_the_constraints_the_design_and_its_figures() -> None:
    lines = list(sentences(advice_on(splits(), max_ssim=0.3, max_accuracy_loss=2)))
    assert lines[:3] == [
        "On `lte`, with SSIM ≤ 0.3 and at most 2 points of accuracy lost: "
        "cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms.",
        "An attacker gets driver 25 % (5 % by guessing); plate no better than by guessing; "
        "SSIM 0.250 [0.224, 0.276], by pixels-white, the strongest of 2 attacks.",
        "Its costs: 1.75 points of accuracy lost, 30 M multiply-accumulates on the edge and 3 MiB of memory there.",
    ]
    assert any(line.startswith("Next best split: cut at `layer3.0`, gaussian:scale=0.5, fp32: 75 ms") for line in lines)


def test_what_a_constraint_costs_is_what_would_be_chosen_without_it() -> None:
    lines = list(sentences(advice_on(splits(), max_ssim=0.3, max_accuracy_loss=2)))
    other = "cut at `layer1.0`, undefended, int8: 55 ms, SSIM 0.900 [0.874, 0.926], 0.25 points of accuracy lost."
    assert f"“SSIM ≤ 0.3” costs 15 ms: without it {other}" in lines
    faster = Design(TARGET, "layer2.0", "gaussian:scale=1", "int8")
    assert p50_of(faster, "lte") == 64
    lines = list(sentences(advice_on(splits(), max_ssim=0.38, max_accuracy_loss=2)))
    other = "cut at `layer2.0`, gaussian:scale=1, int8: 64 ms, SSIM 0.350 [0.324, 0.376], 3.25 points of accuracy lost."
    assert f"“at most 2 points of accuracy lost” costs 6.0 ms: without it {other}" in lines


def test_a_constraint_that_changes_nothing_costs_nothing() -> None:
    assert "“at most 500 ms” costs nothing." in sentences(advice_on(splits(), max_latency=500))


def test_where_nothing_satisfies_all_the_nearest_is_named_with_what_it_misses() -> None:
    found = advice_on(splits(), max_ssim=0.25, max_latency=65)
    assert found.chosen is None
    lines = list(sentences(found))
    assert "no design of `toy` satisfies all" in lines[0]
    assert lines[1] == "Nearest: cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms; it misses “at most 65 ms” (70 ms)."
    assert any(line.startswith("Without “at most 65 ms”: cut at `layer3.0`, gaussian:scale=1, int8") for line in lines)
    assert any(line.startswith("Without “SSIM ≤ 0.25”: cut at `layer1.0`, undefended, int8: 55 ms") for line in lines)


def test_constraints_none_of_which_alone_is_to_blame_are_named_together() -> None:
    lines = list(sentences(advice_on(splits(), max_ssim=0.1, max_latency=30, max_accuracy_loss=0.1)))
    assert (
        "Still nothing without “SSIM ≤ 0.1”, “at most 0.1 points of accuracy lost” or “at most 30 ms” alone." in lines
    )


def test_a_limit_that_is_met_to_the_digit_is_met() -> None:
    results = Results(
        latencies=[latency(UNDEFENDED, "lte", 5), latency(replace(UNDEFENDED, codec="int8"), "lte", 4)],
        accuracies=[
            AccuracyRecord(UNDEFENDED, "top-1", 70.0, 9),
            AccuracyRecord(replace(UNDEFENDED, codec="int8"), "top-1", 69.1, 9),
        ],
    )
    assert 70.0 - 69.1 > 0.9
    found = advice_on(results, max_accuracy_loss=0.9)
    assert found.chosen is not None
    assert found.chosen.design.codec == "int8"


def test_attacks_that_a_choice_was_not_put_to_are_said() -> None:
    whole = advice_on(splits(), max_ssim=0.5)
    assert whole.chosen is not None
    assert whole.untried == ()
    chosen = whole.chosen.design
    leaks = [each for each in run().leaks if (each.design, each.attack) != (chosen, "pixels-black")]
    found = advice_on(replace(splits(), leaks=leaks), max_ssim=0.5)
    assert found.chosen is not None
    assert (found.chosen.design, found.untried) == (chosen, ("pixels-black",))
    lines = list(sentences(found))
    assert "It was not attacked by pixels-black, unlike other designs: it may leak more." in lines
    assert "by pixels-white, the only attack tried." in lines[1]


def test_what_is_in_doubt_is_said() -> None:
    lines = " ".join(sentences(advice_on(splits(), max_ssim=0.26, max_accuracy_loss=2)))
    assert "with SSIM ≤ 0.26 and at most 2 points of accuracy lost: probably cut at `layer3.0`, gaussian" in lines
    assert "Probably, because the 95 % interval of what leaks reaches over “SSIM ≤ 0.26”." in lines
    assert "of its accuracy goes down to 76.4 %: the loss may be over the limit" in lines
    assert "5 pictures and 2 seeds; a conclusion needs 32 pictures of an optimiser, 100 and 3 seeds" in lines


def test_a_design_whose_leak_is_surely_within_the_limit_goes_before_a_faster_one_that_probably_is() -> None:
    sure, probable = (
        Design(TARGET, "layer3.0", defence, "int8") for defence in ("gaussian:scale=1", "gaussian:scale=0.5")
    )
    assert p50_of(sure, "lte") > p50_of(probable, "lte")
    found = advice_on(splits(), max_ssim=0.26)
    assert found.chosen
    assert found.likely
    assert (found.chosen.design, found.sure, found.likely.design) == (sure, True, probable)
    assert any(
        line.startswith("Means alone would allow cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms")
        for line in sentences(found)
    )


def test_what_was_not_measured_is_not_weighed_and_said() -> None:
    results = splits()
    fastest = Design(TARGET, "layer1.0", "none", "int8")
    partial = replace(results, leaks=[found for found in results.leaks if found.design != fastest])
    found = advice_on(partial, max_ssim=0.95)
    assert found.chosen is not None
    assert found.chosen.design != fastest
    assert "1 split was not weighed, for want of leak." in headline(found)
    assert any(
        "with what is not measured: cut at `layer1.0`, undefended, int8 (leak)" in line for line in sentences(found)
    )
    asked_less = advice_on(partial)
    assert asked_less.chosen is not None
    assert asked_less.chosen.design == fastest


def test_nothing_measured_is_said() -> None:
    assert "no design of `toy` has all the measurements" in next(sentences(advice_on(Results(), max_ssim=0.3)))


def test_the_command_prints_it_and_fails_where_nothing_fits(capsys: pytest.CaptureFixture[str]) -> None:
    asked = RecommendSettings(run=Path("somewhere"), link="lte", max_ssim=0.3, max_accuracy_loss=2)
    assert recommend(asked, load=lambda _: splits()) == 0
    assert "cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms" in capsys.readouterr().out
    assert recommend(replace(asked, max_latency=10), load=lambda _: run()) == 1
    assert "Nearest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"link": "3g"}, "latencies over .*lte; `keyhole bench --links 3g --only latency --out x`"),
        ({"link": "lte", "target": "tay"}, "did you mean toy"),
    ],
)
def test_a_name_that_the_run_does_not_have_is_a_mistake(flags: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        recommend(RecommendSettings(run=Path("x"), **flags), load=lambda _: run())


def test_a_run_without_latencies_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="no latency"):
        recommend(RecommendSettings(run=Path("x"), link="lte"), load=lambda _: replace(run(), latencies=()))


@pytest.mark.parametrize(
    "flags",
    [
        {"max_ssim": 3.0},
        {"max_latency": -1.0},
        {"max_accuracy_loss": float("nan")},
        {"max_edge_mib": -1.0},
        {"keep_model_secret": 1.5},
        {"keep_model_secret": float("nan")},
    ],
)
def test_limits_that_cannot_be_are_mistakes(flags: dict[str, float]) -> None:
    (name,) = flags
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}"):
        RecommendSettings(run=Path("x"), link="lte", **flags)


def test_every_link_of_every_design_fits_80_columns_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    design = Design(
        "conv-stem:vit_tiny_patch16_224", "layer4.1.downsample.0", "dropout:share=0.5,rescale=false", "int8+zstd"
    )
    timed = [latency(design, link, 12345.6 + place) for place, link in enumerate(SIX_LINKS)]
    print_results(terminal(), replace(run(), latencies=timed))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for place in range(len(SIX_LINKS)):
        assert f"{12345.6 + place:.1f}" in printed
