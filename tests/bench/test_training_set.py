"""The axis of training sets: its cells, their figures, and the terms on which they are measured."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from keyhole.attacks.classes.registry import FLOORS
from keyhole.bench.advice.training import class_mean, training_leak
from keyhole.bench.axes import TrainingSetCell, plan_cells
from keyhole.bench.class_terms import InversionTerms, PrivateTerms
from keyhole.bench.forecast import CostForecast
from keyhole.bench.measure.training_set import training_set
from keyhole.bench.plan import SweepPlan, resolve
from keyhole.bench.records import EDGE_ONLY, REAL, Design, TrainingSetRecord
from keyhole.bench.settings import PlanSettings
from keyhole.bench.store import open_results
from keyhole.bench.sweep import Sweep, SweepSettings
from keyhole.evaluation.classes import shipped as shipped_world
from keyhole.evaluation.classes.command import invert
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.metrics.interval import mean_interval
from keyhole.service.errors import UsageError
from tests.bench.running import bench_here, rows
from tests.evaluation.tiny_inversion import MINE, NAMES, write_pictures

TARGET, EMBEDDER = f"{MINE}:target", "tests.bench.targets:embedder"
JUDGE, EVALUATOR = f"{MINE}:Where", f"{MINE}:evaluator"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The private and the public ones."""
    private, public = write_pictures(tmp_path_factory.mktemp("world"))
    return str(private), str(public)


def sweep(folder: Path, pictures: tuple[str, str], **terms: object) -> Sweep:
    settings = SweepSettings("quick", "streetcam", pictures[1], "streetcam", "", "", "", None, 1)
    known = {"classes": ("0-3",), "per_class": 2, "public_part": "all", "judge": JUDGE, "evaluator": EVALUATOR}
    inversion = InversionTerms("quick", **{**known, **terms})
    return Sweep(settings, folder, ("psnr", "ssim"), PrivateTerms(pictures[0]), inversion)


def measured(attack: str, at: Sweep) -> TrainingSetRecord:
    found = training_set(TrainingSetCell(TARGET, attack), at).record
    assert isinstance(found, TrainingSetRecord)
    return found


def test_figures_of_a_cell_are_those_of_an_inversion_of_the_target(pictures, tmp_path) -> None:
    at = sweep(tmp_path / "run", pictures)
    document = tmp_path / "invert.json"
    invert(
        InvertSettings(
            target=TARGET,
            attacks=("latent",),
            classes=("0-3",),
            per_class=2,
            private=pictures[0],
            public=pictures[1],
            public_part="all",
            judge=JUDGE,
            evaluator=EVALUATOR,
            metrics=("psnr", "ssim"),
            workers=0,
            json=document,
        )
    )
    found = json.loads(document.read_text())
    expected = {row["attack"]: row["classes"] for row in found["rows"]} | {REAL: found["real"]["classes"]}
    for attack in ("latent", "public-best", REAL):
        record = measured(attack, at)
        assert list(record.classes) == list(NAMES[:4])
        for name, figures in record.classes.items():
            known = {figure: value for figure, value in expected[attack][name].items() if value is not None}
            assert figures == pytest.approx(known)
        assert (record.judged_among, record.floor, record.pictures) == (
            6,
            attack == "public-best",
            24 if attack == REAL else 8,
        )
    assert {"top1", "top5", "evaluator_top1", "evaluator_top5", "psnr"} <= measured("latent", at).classes[
        NAMES[0]
    ].keys()


def test_an_attack_that_was_stopped_goes_on_with_the_pictures_that_are_missing(pictures, tmp_path) -> None:
    at = sweep(tmp_path, pictures)
    first = training_set(TrainingSetCell(TARGET, "latent"), at)
    (sheet,) = first.files
    assert first.record.sheet == sheet
    kept = sorted(tmp_path.glob("inversions/*/latent/*/*.png"))
    assert len(kept) == 8
    times = {path: path.stat().st_mtime_ns for path in kept}
    kept[3].unlink()
    again = measured("latent", at)
    assert again.classes == first.record.classes
    assert [path for path, before in times.items() if path.stat().st_mtime_ns != before] == [kept[3]]


def test_the_shipped_evaluator_is_asked_of_the_shipped_classifiers_as_by_invert(tmp_path) -> None:
    run = SweepSettings("quick", "streetcam", "streetcam", "streetcam", "", "", "", None, 1)
    inversion = InversionTerms("quick")
    shipped = Sweep(run, tmp_path, private=PrivateTerms("streetcam"), inversion=inversion)
    for target in (shipped_world.TARGET, f"{shipped_world.TARGET}-tl-dmi"):
        expected = shipped_world.with_shipped(InvertSettings(target=target)).evaluator
        assert shipped.invert(target).evaluator == expected == shipped_world.EVALUATOR
    assert shipped.invert(shipped_world.EVALUATOR).evaluator is None
    assert shipped.invert(EMBEDDER).evaluator is None
    named = replace(inversion, evaluator="mine")
    assert replace(shipped, inversion=named).invert(shipped_world.TARGET).evaluator == "mine"
    others = Sweep(run, tmp_path, private=PrivateTerms("streetcam", seed=1), inversion=inversion)
    assert others.invert(shipped_world.TARGET).evaluator is None


def record(attack: str, shares: list[float], *, floor: bool = False, among: int = 10) -> TrainingSetRecord:
    classes = {str(number): {"top1": share} for number, share in enumerate(shares)}
    whole = Design("toy", EDGE_ONLY, codec="none")
    return TrainingSetRecord(whole, attack, "white box", floor, classes, 5 * len(shares), among, "judge")


def test_the_leak_is_the_strongest_attacks_mean_over_classes_beside_guessing_and_public_pictures() -> None:
    shares = [0.2, 0.4, 0.0, 1.0, 0.6, 0.8]
    records = [
        record(REAL, [1.0] * 6),
        record("public-best", [0.2] * 6, floor=True),
        record("public-mean", [0.9] * 3 + [0.0] * 3, floor=True),
        record("guided", [0.3] * 6),
        record("latent", shares),
    ]
    leak = training_leak(records)
    assert leak is not None
    assert (leak.attack, leak.attacks) == ("latent", ("guided", "latent"))
    assert leak.mean == pytest.approx(statistics.fmean(shares))
    assert leak.interval == mean_interval(shares)
    assert (leak.guessing, leak.public.mean, leak.real.mean) == (0.1, pytest.approx(0.45), 1.0)
    assert (leak.classes, leak.thin) == (6, True)
    assert training_leak(records[:3]) is None, "public pictures are no attack"
    unjudged = replace(records[4], classes={"0": {"target_top1": 1.0}})
    assert class_mean(unjudged) is None
    assert training_leak([unjudged]) is None, "what the classifier itself says is no leak"


def flags(pictures: tuple[str, str], **more: object) -> PlanSettings:
    known = {
        "targets": (TARGET, EMBEDDER),
        "points": 1,
        "private": pictures[0],
        "public": pictures[1],
        "public_part": "all",
        "training_set": ("latent",),
        "judge": JUDGE,
    }
    return PlanSettings(**{**known, **more})


def planned(plan: SweepPlan) -> list[str]:
    return [cell.name for cell in plan_cells(plan.axes, ["training-set"])]


def test_targets_that_tell_private_classes_apart_are_attacked_whatever_else_a_design_is(pictures) -> None:
    plan = resolve(flags(pictures, defences=("none", "dropout:share=0.5"), codecs=("fp32", "int8")))
    assert planned(plan) == [f"training-set | {TARGET} | {row}" for row in (REAL, *FLOORS, "latent")]
    assert planned(resolve(flags(pictures, training_set=()))) == []


def test_the_forecast_counts_steps_and_pictures(pictures) -> None:
    def seconds(**more: object) -> float:
        plan = resolve(flags(pictures, targets=(TARGET,), **more))
        return CostForecast(plan, {TARGET: 0.01}).seconds(TrainingSetCell(TARGET, "latent"))

    two, four = (seconds(training_classes=(f"0-{last}",), per_class=3) for last in (1, 3))
    recipe, cost = (
        (chosen.recipe.iterations, chosen.entry.cost)
        for chosen in resolve(flags(pictures, targets=(TARGET,))).class_attacks.values()
    ).__next__()
    each = recipe * (cost.forwards * 0.01 + cost.step_seconds) + cost.picture_seconds
    assert four - two == pytest.approx(6 * each)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"private": ""}, "--training-set: give --private"),
        ({"training_set": ("latnet",)}, "did you mean latent"),
        ({"training_set": ("plg-mi",)}, "train prior --kind cgan"),
        ({"targets": (EMBEDDER,)}, "none of the targets .* tells classes of --private"),
        ({"training_classes": ("0-99",)}, "--training-classes 0-99: expected a name, or numbers from 0 to 5"),
        ({"per_class": 0}, "--per-class 0"),
        ({"judge": "nobody"}, "--judge nobody"),
        ({"evaluator": "nobody"}, "nobody"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_measured(pictures, more, message) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(flags(pictures, **more))


@pytest.mark.timeout(900)
def test_a_run_measures_it_for_every_design_of_a_classifier_and_of_no_other_target(pictures, tmp_path) -> None:
    run = tmp_path / "run"
    common = ("--targets", f"{TARGET}@network.features", EMBEDDER, "--codecs", "int8", "--links", "none")
    terms = ("--private", pictures[0], "--public", pictures[1], "--public-part", "all", "--judge", JUDGE)
    asked = ("--training-set", "latent", "--training-classes", "0-4", "--only", "training-set", "--out", str(run))
    code, printed = bench_here(*common, *terms, *asked)
    assert code == 0, printed
    assert f"not of {EMBEDDER}" in printed
    assert "of what latent makes of 5 training classes is recognised (17 % by guessing" in printed
    assert set(rows(run)) == {f"training-set | {TARGET} | {row}" for row in (REAL, *FLOORS, "latent")}
    results = open_results(run)
    assert "latent on" in results.provenance["training sets"]
    of_latent = {found.design for found in results.training_sets if found.attack == "latent"}
    whole = Design(TARGET, EDGE_ONLY, "none", "none")
    assert of_latent == {design for design in results.designs if design.target == TARGET} > {whole}
