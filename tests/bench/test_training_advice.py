"""A limit on what leaks of the training set, and the plot of that beside what leaks of pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from keyhole.bench.advice.command import recommend
from keyhole.bench.advice.constraints import constraints
from keyhole.bench.advice.options import options
from keyhole.bench.advice.recommendation import recommendation
from keyhole.bench.advice.sentences import headline, sentences
from keyhole.bench.advice.trained import TrainedDefence, with_trained_defences
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.bench.report.command import markdown
from keyhole.bench.report.content import report_content
from keyhole.bench.report.view import ReaderLimits
from keyhole.bench.results import Results
from keyhole.bench.settings import RecommendSettings
from keyhole.metrics.interval import mean_interval
from keyhole.service.errors import UsageError
from tests.bench.making import CUTS, SHARES, TARGET, latency, run, with_training_sets

LOW = (0.0, 0.0, 0.0, 0.2, 0.2, 0.2)
FROZEN = "toy-frozen"


def both(frozen: tuple[float, ...] = LOW) -> Results:
    """The made-up run with a second target, slower by a millisecond, whose training set leaks less."""
    bare = with_training_sets(run(), latent=SHARES, guided=(0.1,) * 6)
    other = with_training_sets(run(), latent=frozen)

    def of_frozen(record):
        return replace(record, design=replace(record.design, target=FROZEN))

    slower = [of_frozen(latency(one.design, one.link, one.total.p50 + 1.0, one.payload)) for one in other.latencies]
    return replace(
        bare,
        latencies=[*bare.latencies, *slower],
        accuracies=[*bare.accuracies, *map(of_frozen, other.accuracies)],
        leaks=[*bare.leaks, *map(of_frozen, other.leaks)],
        profiles=[*bare.profiles, *map(of_frozen, other.profiles)],
        training_sets=[*bare.training_sets, *map(of_frozen, other.training_sets)],
    )


def merged(results: Results) -> Results:
    return with_trained_defences(results, {FROZEN: TrainedDefence(TARGET, "tl-dmi")})


def advice(results: Results, limit: float, **more: float):
    return recommendation(options(results), TARGET, "lte", constraints("lte", max_training_leak=limit, **more))


def test_it_chooses_among_the_trainings_whose_strongest_attack_stays_below_the_limit() -> None:
    found = advice(merged(both()), 0.25)
    assert mean_interval(LOW)[1] < 0.25
    fastest = min(
        (option for option in options(merged(both())) if option.design.defence.startswith("tl-dmi")),
        key=lambda option: option.p50("lte") or math.inf,
    )
    assert found.sure
    assert found.chosen.design.defence.startswith("tl-dmi")
    assert found.chosen.p50("lte") == fastest.p50("lte")
    free = advice(merged(both()), 0.9)
    assert not free.chosen.design.defence.startswith("tl-dmi")
    assert "at most 25 % of training classes recognised" in next(headline(found))
    told = " ".join(headline(found))
    assert (
        "10 % [0, 20] of what latent makes of 6 training classes is recognised (5 % by guessing, 10 % of public" in told
    )
    assert "Its training-set leak is of 6 classes; a conclusion needs 20." in told
    assert "It was not attacked by guided, unlike other designs" in told


@pytest.mark.parametrize("cut", [EDGE_ONLY, CLOUD_ONLY, CUTS[0]])
def test_whoever_holds_the_classifier_gets_the_same_wherever_it_runs(cut: str) -> None:
    found = [option for option in options(with_training_sets(run(), latent=SHARES)) if option.design.cut == cut]
    (leak,) = {(option.training.mean, *option.training.interval) for option in found}
    assert leak == pytest.approx((0.4, *mean_interval(SHARES)))
    missed = dict(advice(with_training_sets(run(), latent=SHARES), 0.3).missed)
    assert all([limit.measurement for limit in missed[option.design]] == ["training-set leak"] for option in found)


def test_an_interval_that_reaches_over_the_limit_is_only_probably_within_it() -> None:
    found = advice(with_training_sets(run(), latent=SHARES), 0.45)
    assert found.chosen
    assert not found.sure
    assert "Probably, because the 95 % interval of what leaks reaches over “at most 45 %" in " ".join(headline(found))
    few = advice(with_training_sets(run(), latent=(0.4, 0.4)), 0.45)
    assert not few.sure
    assert "is not known for “at most 45 %" in " ".join(headline(few))


def test_what_was_not_measured_is_not_weighed_and_never_passes() -> None:
    found = advice(run(), 1.0)
    assert found.chosen is None
    assert all(missing == ("training-set leak",) for _, missing in found.left_out)
    assert "has all the measurements that this needs" in " ".join(headline(found))
    assert "for want of training-set leak" in " ".join(headline(found))
    partly = both()
    partly = merged(replace(partly, training_sets=[r for r in partly.training_sets if r.design.target == FROZEN]))
    found = advice(partly, 1.0)
    assert found.chosen.design.defence.startswith("tl-dmi")
    assert {design.defence for design, _ in found.left_out} == {"none", "gaussian:scale=0.5", "gaussian:scale=1"}
    rows = [record for record in both().training_sets if record.floor or record.attack == "real"]
    assert advice(replace(both(), training_sets=rows), 1.0).chosen is None, "public pictures are no attack"


def test_a_limit_that_needs_no_attack_is_told() -> None:
    told = " ".join(sentences(advice(with_training_sets(run(), latent=(0.0,) * 6), 0.05)))
    assert "Nobody has to attack for more than 5 %: public pictures alone, or guessing, are right in 10 %." in told


def test_targets_that_were_attacked_in_other_classes_do_not_compare() -> None:
    results = both()
    fewer = [
        replace(record, classes={"person 9": {"top1": 0.0}}) if record.design.target == FROZEN else record
        for record in results.training_sets
    ]
    with pytest.raises(UsageError, match="other classes of its training set than toy"):
        merged(replace(results, training_sets=fewer))


def test_the_command_takes_a_share(capsys: pytest.CaptureFixture[str]) -> None:
    asked = RecommendSettings(run(), "lte", max_training_leak=0.25, defended=(f"{FROZEN}={TARGET}+tl-dmi",))
    assert recommend(replace(asked, target=TARGET, max_ssim=1.0), load=lambda _: both()) == 0
    assert "tl-dmi" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--max-training-leak 25: expected a share, 0 to 1"):
        replace(asked, max_training_leak=25)


def test_one_plot_has_every_design_by_both_leaks(tmp_path) -> None:
    content = report_content(merged(both()), tmp_path, ReaderLimits(training_leak=0.25))
    (chart,) = content.charts
    (panel,) = chart.panels
    drawn = {mark.facts[0]: mark for dots in panel.dots for mark in dots.marks}
    weighed = [option for option in options(merged(both())) if option.design.cut != CLOUD_ONLY]
    assert sum(len(dots.marks) for dots in panel.dots) == len(options(merged(both())))
    for option in weighed:
        if option.splits and option.design.codec == "int8":
            name = " · ".join(w for w in (option.design.cut, option.design.defence, "int8") if w != "none")
            mark, share = drawn[name], LOW if "tl-dmi" in option.design.defence else SHARES
            assert mark.y == pytest.approx(100 * sum(share) / 6)
            assert mark.up == pytest.approx([100 * end for end in mean_interval(share)])
            side = option.thumbnail.side
            assert mark.x == pytest.approx(math.log2(side) if side else -2)
    levels = {level.name: (level.on, level.at) for level in panel.levels}
    assert levels["guessing a class"] == ("y", 5.0)
    assert levels["public pictures alone"] == ("y", pytest.approx(10.0))
    assert levels["limit"] == ("y", 25.0)
    assert levels["blind attacker, guessing"][0] == "x"
    (section,) = content.sections
    at = section.decision.headings.index("training set, % (guessing 5.0)")
    assert section.decision.rows[-1][at].text == "10.0", "who attacks nothing"
    assert {row[at].over for row in section.decision.rows[:-1]} == {True, False}
    first, *others = section.training.rows
    assert (first[0].text, first[1].text, first[3].text) == ("none", "latent", "40.0")
    assert [row[1].text for row in others] == [
        "guided",
        "public-best",
        "real pictures",
        "latent",
        "public-best",
        "real pictures",
    ]
    assert "both-leaks.png" in markdown(content)


def test_targets_side_by_side_are_told_apart(tmp_path) -> None:
    scales = [replace(run().scales[0], design=Design(name, EDGE_ONLY, "none", "none")) for name in (TARGET, FROZEN)]
    content = report_content(replace(both(), scales=scales), tmp_path, ReaderLimits())
    (chart,) = content.charts
    names = {key.name for key in chart.keys}
    assert {TARGET, FROZEN, f"{FROZEN}, gaussian:scale=1"} <= names
    assert len(content.sections) == 2


def test_a_run_without_attacks_on_classes_looks_as_before(tmp_path) -> None:
    content = report_content(run(), tmp_path, ReaderLimits())
    assert content.charts == ()
    (section,) = content.sections
    assert section.training is None
    assert not any("training" in heading for table in (section.decision, section.designs) for heading in table.headings)
    assert not any("raining" in line for line in (*section.missing, markdown(content)))


def test_what_one_training_lacks_is_said(tmp_path) -> None:
    partly = [record for record in both().training_sets if record.design.target == TARGET]
    content = report_content(merged(replace(both(), training_sets=partly)), tmp_path, ReaderLimits())
    (section,) = content.sections
    assert any(line.startswith("Training-set leak: missing for cut at") for line in section.missing)
