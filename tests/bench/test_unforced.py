"""Whether anything forces a split: the whole model on the edge and the pictures to the cloud as candidates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keyhole.bench.advice.command import recommend
from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import options
from keyhole.bench.advice.recommendation import Recommendation, recommendation
from keyhole.bench.advice.sentences import headline, sentences
from keyhole.bench.quantity import Quantity, read_quantity
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, AccuracyRecord, Design, ProfileRecord
from keyhole.bench.results import Results
from keyhole.bench.settings import RecommendSettings
from keyhole.cli import parsed
from tests.bench.making import TARGET, depth, latency, run

ALONE, REMOTE = Design(TARGET, EDGE_ONLY, "none", "none"), Design(TARGET, CLOUD_ONLY, "none", "fp32")
PARAMETERS, MACS, MIB = 100_000, 10**8, 2**20
FASTEST = Design(TARGET, "layer1.0", "none", "int8")


def whole() -> Results:
    """The made-up run with what the whole model costs: 100 M multiply-accumulates, 16 MiB, 100 k parameters."""
    found = run()
    profiles = [
        replace(each, parameters=20_000 * (1 + depth(each.design)), model_parameters=PARAMETERS, model_macs=MACS)
        for each in found.profiles
    ]
    alone = ProfileRecord(ALONE, 0.0, PARAMETERS, MACS, memory=16 * MIB, model_parameters=PARAMETERS, model_macs=MACS)
    accuracies = [*found.accuracies, AccuracyRecord(REMOTE, "top-1", 80.0, 2000)]
    return replace(found, profiles=[*profiles, alone], accuracies=accuracies)


def advice_on(results: Results, **limits: float | Quantity | None) -> Recommendation:
    return recommendation(options(results), TARGET, "lte", constraints("lte", **limits))


def timed(results: Results, design: Design, milliseconds: float) -> Results:
    others = [each for each in results.latencies if (each.design, each.link) != (design, "lte")]
    return replace(results, latencies=[*others, latency(design, "lte", milliseconds)])


def test_where_the_whole_model_on_the_edge_satisfies_all_nothing_forces_a_split() -> None:
    found = advice_on(whole(), max_ssim=0.3, max_accuracy_loss=1)
    assert found.chosen
    assert found.chosen.design == ALONE
    lines = list(headline(found))
    assert lines[0] == (
        "On `lte`, with SSIM ≤ 0.3 and at most 1 point of accuracy lost, nothing forces a split: "
        "the whole model on the edge answers in 31 ms and sends nothing."
    )
    assert lines[1] == (
        "Its costs: no accuracy lost, 100 M multiply-accumulates on the edge (100 % of the whole model's) "
        "and 16 MiB of memory there."
    )


def test_a_split_that_is_only_faster_is_said_to_be_that() -> None:
    found = advice_on(timed(whole(), ALONE, 300.0), max_ssim=0.3, max_accuracy_loss=2)
    assert found.chosen
    assert found.chosen.splits
    assert next(headline(found)) == (
        "On `lte`, with SSIM ≤ 0.3 and at most 2 points of accuracy lost, nothing but speed forces a split: "
        "the whole model on the edge answers in 300 ms and sends nothing. "
        "Faster is cut at `layer3.0`, gaussian:scale=0.5, int8: 70 ms."
    )


@pytest.mark.parametrize(
    ("limits", "missed"),
    [
        ({"max_edge_mib": 2}, "“at most 2 MiB on the edge” (16 MiB)"),
        ({"max_edge_macs": 2e7}, "“at most 20 M multiply-accumulates on the edge” (100 M multiply-accumulates)"),
        (
            {"max_edge_macs": read_quantity("20%")},
            "“at most 20 % of the model's multiply-accumulates on the edge” (100 % of them)",
        ),
        ({"keep_model_secret": 0.6}, "“at least 60 % of the parameters kept in the cloud” (100 % on the edge)"),
    ],
)
def test_what_forces_a_split_is_named_and_a_cut_that_fits_is_chosen(
    limits: dict[str, float | Quantity], missed: str
) -> None:
    found = advice_on(whole(), max_ssim=0.55, **limits)
    assert found.chosen
    assert found.chosen.design == Design(TARGET, "layer2.0", "gaussian:scale=0.5", "int8")
    told = next(
        line for line in headline(found) if line.startswith("The whole model on the edge: 31 ms, sends nothing")
    )
    assert told.endswith(f"misses {missed}.")


def test_a_limit_just_above_what_the_head_has_holds_and_just_below_does_not() -> None:
    """Of `layer2.0`: 2 MiB, 20 M multiply-accumulates of 100 M, 40 k parameters of 100 k."""
    second = {option.design: option for option in options(whole())}[Design(TARGET, "layer2.0", "none", "fp32")]
    for name, holds, fails in (
        ("max_edge_mib", 2.0, 1.99),
        ("max_edge_macs", 2e7, 1.99e7),
        ("max_edge_macs", Quantity(0.2, of_model=True), Quantity(0.199, of_model=True)),
        ("keep_model_secret", 0.6, 0.601),
    ):
        (within,), (beyond,) = (constraints("lte", **{name: limit}) for limit in (holds, fails))
        assert not within.excess(second)
        assert beyond.excess(second)


def test_a_share_of_a_pruned_models_work_is_one_of_the_undefended_model() -> None:
    patrol = Design(TARGET, "layer3.0", "patrol", "int8")
    pruned = ProfileRecord(patrol, 1.0, 5000, 10**7, memory=MIB, model_parameters=10_000, model_macs=2 * 10**7)
    results = whole()
    option = {option.design: option for option in options(replace(results, profiles=[pruned, *results.profiles]))}[
        patrol
    ]
    assert option.macs_share == 0.1
    assert option.edge_share == 0.5


def test_pictures_to_the_cloud_show_everything_and_are_chosen_only_where_that_is_allowed() -> None:
    quick = timed(timed(whole(), REMOTE, 5.0), ALONE, 100.0)
    shown = {option.design: option for option in options(quick)}[REMOTE]
    assert (shown.leak(), shown.macs, shown.memory, shown.edge_share) == (1.0, 0, 0, 0.0)
    free = advice_on(quick)
    assert free.chosen
    assert free.chosen.design == REMOTE
    assert next(headline(free)) == (
        "On `lte`, nothing forces a split: pictures to the cloud as fp32 are answered in 5.0 ms and show everything."
    )
    private = advice_on(quick, max_ssim=0.9)
    assert private.chosen
    assert private.chosen.design != REMOTE
    assert any(
        line.startswith("Pictures to the cloud as fp32: 5.0 ms, shows everything") and "misses “SSIM ≤ 0.9”" in line
        for line in headline(private)
    )


def test_a_baseline_that_lacks_a_figure_says_so() -> None:
    found = advice_on(run(), max_edge_mib=2)
    assert any(
        line.startswith("The whole model on the edge: 31 ms") and line.endswith("not weighed, for want of edge memory.")
        for line in headline(found)
    )
    assert found.chosen
    assert found.chosen.design == FASTEST


def test_baselines_of_a_trained_defence_are_candidates_too() -> None:
    design = Design(TARGET, EDGE_ONLY, "patrol", "none")
    found = advice_on(replace(whole(), latencies=[*whole().latencies, latency(design, "lte", 7.0)]))
    assert found.chosen
    assert found.chosen.design == design
    assert "the whole model of patrol on the edge answers in 7.0 ms" in next(headline(found))
    assert any(line.startswith("The whole model on the edge: 31 ms") for line in sentences(found))


def test_no_answer_is_longer_than_a_screen() -> None:
    for limits in ({}, {"max_ssim": 0.3}, {"max_ssim": 0.2, "max_latency": 10.0, "max_edge_mib": 2.0}):
        found = advice_on(whole(), **limits)
        assert 1 < len(list(headline(found))) <= 12
        assert len(list(sentences(found))) > len(list(headline(found)))


def test_the_command_folds_details_away(capsys: pytest.CaptureFixture[str]) -> None:
    asked = RecommendSettings(run=Path("x"), link="lte", max_ssim=0.3, keep_model_secret=0.2)
    assert recommend(asked, load=lambda _: whole()) == 0
    short = capsys.readouterr().out
    assert recommend(replace(asked, details=True), load=lambda _: whole()) == 0
    long = capsys.readouterr().out
    assert long.startswith(short)
    assert "“SSIM ≤ 0.3” costs" in long.removeprefix(short)


@pytest.mark.parametrize("text", ["-1", "-5%", "many", "5 %%", "nan", "inf", ""])
def test_a_quantity_that_is_none_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        read_quantity(text)


@pytest.mark.parametrize(("text", "read"), [("5e8", Quantity(5e8)), ("40%", Quantity(0.4, of_model=True))])
def test_a_quantity_is_a_number_or_a_share_on_the_command_line_too(text: str, read: Quantity) -> None:
    assert read_quantity(text) == read
    assert read_quantity(read.text) == read
    flags = ["runs/bench", "--link", "lte", "--max-edge-macs", text]
    assert parsed("recommend", flags, {}).max_edge_macs == read
