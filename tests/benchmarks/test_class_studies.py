"""Studies of training sets: what they run, that attacks find their generators, and what tables and verdicts say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.results.__main__ import ResultsSettings, Study, main, planned, studies_of
from benchmarks.results.class_claims import ClassClaim
from benchmarks.results.class_defences import ATTACKED, METHODS, ClassDefences
from benchmarks.results.class_parts import LOSSES, ClassLosses, DiffMiParts
from benchmarks.results.class_worlds import vehicles
from benchmarks.results.classes import DIFF_MI_PARTS, Classes
from benchmarks.results.inversions import InversionRun
from benchmarks.results.matching import UndefendedCurve
from benchmarks.results.page import filled
from benchmarks.results.steps import DONE, SCORES, Step, in_order, run_steps
from benchmarks.results.two_worlds import BOXES, TwoWorlds
from keyhole.attacks.classes.registry import choose_class_attacks
from keyhole.cli import parsed
from keyhole.evaluation.classes.command import invert
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.metrics.interval import Mean
from keyhole.service.errors import UsageError
from tests.benchmarks.class_making import WORLD, attacked, document, finish
from tests.evaluation.tiny_inversion import MINE, write_pictures

CLASSES = Classes(WORLD, parts=DIFF_MI_PARTS)
STREETCAM = Classes(vehicles(), published=True)
STUDIES = (
    *(CLASSES, STREETCAM, ClassDefences(CLASSES), ClassLosses(CLASSES), DiffMiParts(CLASSES)),
    TwoWorlds(STREETCAM),
)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: type(study).__name__)
def test_every_command_is_one_that_keyhole_takes_and_says_how_long_it_takes(study: Study, tmp_path: Path) -> None:
    for step in in_order(study.steps):
        name, *arguments = step.command(tmp_path)
        if name == "train":
            name, arguments = f"train {arguments[0]}", arguments[1:]
        settings = parsed(name, arguments, {})
        assert step.minutes is not None
        assert str(tmp_path) in str(settings.out if step.kind == "folder" else settings.json)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: type(study).__name__)
def test_every_attack_gets_the_generators_that_it_needs_made_for_its_target(study: Study, tmp_path: Path) -> None:
    checked = 0
    for step in (step for step in in_order(study.steps) if step.arguments[0] == "invert"):
        kinds = {
            generator.arguments[generator.arguments.index("--kind") + 1]: generator
            for name, generator in step.needs.items()
            if name.startswith("generator")
        }
        wanted = {kind for one in choose_class_attacks(attacked(step)) for kind in one.recipe.generators}
        assert wanted <= kinds.keys()
        target = parsed("invert", step.command(tmp_path)[1:], {}).target
        for kind in kinds.keys() - {"gan"}:
            assert parsed("train prior", kinds[kind].command(tmp_path)[2:], {}).target == target
        checked += len(wanted)
    assert checked


def test_all_trainings_hold_the_same_private_pictures_back(tmp_path: Path) -> None:
    for study in STUDIES:
        for step in in_order(study.steps):
            command = step.command(tmp_path)
            if command[0] == "invert":
                assert parsed("invert", command[1:], {}).private_seed == 1
            elif "--identities" in command and "60" in command:
                assert parsed(" ".join(command[:2]), command[2:], {}).seed == 1


def test_groups_run_apart_and_one_run_scores_their_pictures_without_making_any_again(tmp_path: Path) -> None:
    private, public = write_pictures(tmp_path)
    made = ("invert", "--out", "{own}/pictures")
    one, other = (
        Step("one", "figures", (*made, "latent"), minutes=2),
        Step("other", "figures", (*made, f"{MINE}:Fooling")),
    )
    both = Step("both", "figures", (*made, "latent", f"{MINE}:Fooling"), gathered=(one, other))
    settings = InvertSettings(
        target=f"{MINE}:target",
        private=str(private),
        public=str(public),
        public_part="all",
        judge=f"{MINE}:Where",
        metrics=("psnr",),
        per_class=1,
        device="cpu",
        workers=0,
    )

    def run(command: tuple[str, ...], log: Path) -> int:
        assert log.parent == tmp_path / "root"
        out, words, told = command[2], command[3:-2], command[-1]
        return invert(replace(settings, attacks=words, out=Path(out), json=Path(told)))

    root = tmp_path / "root"
    assert run_steps([both], root, 1, lambda _: None, run) == []
    assert [step.name for step in in_order([both])] == ["one", "other", "both"]
    alone, whole = InversionRun.of(one.scores(root)), InversionRun.of(both.scores(root))
    assert whole.attacks == ("latent", f"{MINE}:Fooling")
    assert alone.rows["latent"]["seconds_per_picture"]  # of earlier runs too, so that it grows with what is made again
    for word, apart in (("latent", alone), (f"{MINE}:Fooling", InversionRun.of(other.scores(root)))):
        assert whole.rows[word]["seconds_per_picture"] == apart.rows[word]["seconds_per_picture"]
    assert whole.by_class("latent") == alone.by_class("latent")
    lines = list(planned([both], tmp_path / "new"))
    assert lines[0].startswith("  2 min  keyhole invert")
    assert lines[-1] == "3 of 3 steps are left: 0.0 hours of one core and 2 steps of which nobody has said"


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([Mean(0.2, (0.1, 0.3))], "seen (+20.0 [+10.0, +30.0] points)"),
        ([Mean(0.2, (0.1, 0.3)), Mean(0.1, (-0.1, 0.3))], "undecided"),
        ([Mean(0.2, (-0.1, 0.3)), Mean(-0.2, (-0.3, -0.1))], "not seen"),
        ([Mean(0.2, None)], "undecided (+20.0 points, no interval)"),
        ([Mean(-0.2, (-0.3, -0.1))], "the reverse is seen (-20.0"),
        ([Mean(-0.2, (-0.3, -0.1)), Mean(0.1, (-0.1, 0.3))], "not seen"),
        ([Mean(0.2, (0.1, 0.3)), None], "not measured"),
        ([], "not measured"),
    ],
)
def test_a_claim_is_seen_only_where_all_its_intervals_are_above_zero(differences: list[Mean | None], said: str) -> None:
    assert ClassClaim("it helps", [("", each) for each in differences]).line.startswith(f"- *it helps*: {said}")


def test_less_than_a_claimed_size_is_not_the_reverse() -> None:
    less = [("", Mean(-0.2, (-0.3, -0.1)))]
    assert ClassClaim("it helps by 40 points", less, sized=True).line.startswith("- *it helps by 40 points*: not seen")


def test_an_undefended_target_is_compared_at_the_accuracy_of_the_defended_one() -> None:
    runs = [InversionRun.of(document({"latent": share}, natural)) for share, natural in ((0.6, 0.8), (0.2, 0.4))]
    curve = UndefendedCurve.of("latent", runs)
    defended = InversionRun.of(document({"latent": 0.25}, 0.7))
    # three quarters of the way from 0.4 to 0.8, where the attack gets three quarters of the way from 0.2 to 0.6
    assert list(curve.lost(defended).values()) == pytest.approx([0.5 - 0.25] * 12)
    assert curve.lost(InversionRun.of(document({"latent": 0.1}, 0.3))) == {}  # no snapshot is so bad
    better = curve.lost(InversionRun.of(document({"latent": 0.5}, 0.9)))
    assert list(better.values()) == pytest.approx([0.6 - 0.5] * 12)


def test_tables_of_classes_put_attacks_beside_public_pictures_and_judge_the_papers_trends(tmp_path: Path) -> None:
    assert set(CLASSES.tables(tmp_path).values()) == {"Not measured."}
    shares = dict.fromkeys(attacked(CLASSES.run), 0.3) | {"plg-mi": 0.7, "ked-mi": 0.5, "gmi": 0.15}
    distances = dict.fromkeys(shares, 1.0) | {"diff-mi": 0.8, "latent": 0.9}
    finish(CLASSES.run, tmp_path, document(shares, 0.85, distances))
    recognition, fidelity, found = CLASSES.tables(tmp_path).values()
    (gmi,) = (line for line in recognition.splitlines() if line.startswith("| `gmi` |"))
    assert gmi.startswith("| `gmi` | white box | 15.0 [")
    assert "| +5.0 [5, 5] |" in gmi
    assert gmi.endswith("| 1.5 |")
    assert "| guessing |  | 8.3 | 41.7 |  | 1.0 | 8.3 | 41.7 |" in recognition
    assert fidelity.count("\n") == recognition.count("\n") - 1
    assert "*KED-MI recognised more often than GMI*: seen (against gmi +35.0 [+35.0, +35.0] points)." in found
    assert "*gmi recognised 10 points more often than the best-liked public picture*: not seen (-5.0" in found
    assert "*Diff-MI nearest to private pictures of all that train a generator*: undecided (than guided" not in found
    assert "`diff-mi` is not told apart in accuracy" in found
    assert "`plg-mi` is recognised more often (+40.0" in found
    assert "`gmi` is no better in accuracy" in found
    assert [chart.name for chart in CLASSES.charts(tmp_path)] == ["training-set-faces"]
    assert CLASSES.pictures(tmp_path) == {}
    assert list(STREETCAM.pictures(tmp_path)) == ["training-set-vehicles.jpg"]


def test_defences_are_told_at_matched_accuracy_and_by_their_delta(tmp_path: Path) -> None:
    study = ClassDefences(CLASSES)
    assert set(study.tables(tmp_path).values()) == {"Not measured."}
    strong = {"ppa": 0.4, "plg-mi": 0.6, "diff-mi": 0.5}
    finish(CLASSES.run, tmp_path, document({"latent": 0.4, **strong}, 0.85))
    for name, step in study.runs.items():
        part = 0.3 if name.startswith("tl-dmi") else 0.9 if name in METHODS else 1.0
        natural = 0.85 if name in ("undefended", "mid") else 0.75 if name in METHODS else 0.65
        lower = 0.5 if "-at-" in name else 1.0
        shares = {"latent": 0.4, "mirror": 0.3} | (strong if name in ATTACKED else {})
        finish(step, tmp_path, document({word: part * lower * share for word, share in shares.items()}, natural))
    layers = [{"share_percent": {"task": task, "inversion": 100 - task}} for task in (80.0, 20.0)]
    finish(study.layers, tmp_path, {"layers": layers})
    scores, gains = study.tables(tmp_path).values()
    assert "by the run of another seed on the undefended target: `plg-mi`." in gains
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in gains.splitlines() if line.startswith("| ")}
    ours = rows["| TL-DMI, frozen to `layer2`"]
    # natural 85 to 75; plg-mi 60 to 18; half of the way to the snapshot, whose plg-mi is 30, the undefended gets 45
    assert ours[:4] == ["+10.0 [10, 10]", "+42.0 [42, 42]", "4.20", "+27.0 [27, 27]"]
    assert rows["| BiDO, published weights"][2] == "0.60"
    assert "*TL-DMI, frozen to `layer2`: half of the attack accuracy is gone, or more*: seen" in gains
    assert "*TL-DMI, frozen to `layer1`: half of the attack accuracy is gone, or more*: seen (latent" in gains
    assert "*TL-DMI, frozen to `layer2`: 6 points of natural accuracy or less*: not seen (-4.0" in gains
    assert "for each point of natural accuracy (Δ)*: seen (plg-mi +3.600" in gains
    assert rows["| MID, weight 0.01"][2] == "natural accuracy is not told apart"
    assert "(Δ)*: undecided, natural accuracy is not told apart." in gains
    assert (
        "inversion than to the task*: undecided, one training has no interval: the first half of the layers holds 20 %"
        in gains
    )
    assert len(scores.splitlines()) == 2 + len(study.targets)
    (chart,) = study.charts(tmp_path)
    assert [panel.title for panel in chart.panels] == ["latent", "plg-mi", "diff-mi"]


def test_losses_and_parts_are_compared_on_the_same_target(tmp_path: Path) -> None:
    losses, parts = ClassLosses(CLASSES), DiffMiParts(CLASSES)
    for loss, step in losses.runs.items():
        share = 0.5 if loss == "max-margin" else 0.3
        finish(step, tmp_path, document({"latent": share, "mirror": share}, 0.8))
    (text,) = losses.tables(tmp_path).values()
    assert text.count("| `latent` |") == len(LOSSES)
    assert "*max-margin gets more than cross-entropy*: seen (latent +20.0" in text
    shares = {"diff-mi": 0.5, **dict.fromkeys(DIFF_MI_PARTS, 0.4), "diff-mi/no-pgd": 0.6}
    finish(CLASSES.diffusion, tmp_path, document(shares, 0.8))
    (text,) = parts.tables(tmp_path).values()
    assert "*Diff-MI whole is recognised more often than diff-mi/no-tuning*: seen (+10.0" in text
    assert "*Diff-MI whole is recognised more often than diff-mi/no-pgd*: the reverse is seen (-10.0" in text


def leak_of(ssim: float) -> dict[str, object]:
    return {"rows": [{"pictures": [{"ssim": ssim + place / 100, "psnr": 20.0} for place in range(6)]}]}


def test_both_leaks_of_a_design_stand_in_one_row_and_the_best_designs_are_named(tmp_path: Path) -> None:
    study = TwoWorlds(STREETCAM)
    for design in study.designs:
        share = 0.1 if design.name.startswith("tl-dmi") else 0.4
        finish(study.recalled[design.name], tmp_path, document({"latent": share, "mirror": share / 2}, 0.8))
        finish(design.target.training, tmp_path, {})
        card = {"figures": {"top1": 50.0}}  # with the noise
        (design.target.training.folder(tmp_path) / "card.json").write_text(json.dumps(card))
        for box in BOXES:
            told = leak_of((0.3 if design.name == "noise" else 0.6) + (0.1 if box == "white" else 0.0))
            finish(study.tapped[design.name, box], tmp_path, told)
    (text,) = study.tables(tmp_path).values()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "not measured" not in text
    assert len(rows) == 2 + len(study.designs)
    assert any(
        row.startswith("| noise, trained with it, `layer2`, `gaussian:scale=1` at run time | 50.0 |") for row in rows
    )
    assert "*TL-DMI, frozen to the cut, `layer2`: less leaks of the training set*: seen (latent +30.0" in text
    assert "*TL-DMI, frozen to the cut, `layer2`: less leaks of the user's picture*: not seen (white box +0.0" in text
    assert "*noise, trained with it, `layer2`: less leaks of the user's picture*: seen (white box +0.300" in text
    assert "user's picture from noise, trained with it, `layer2` (SSIM 0.43)" in text
    assert "all three: TL-DMI, frozen to the cut, `layer1`; TL-DMI, frozen to the cut, `layer2`" in text
    (chart,) = study.charts(tmp_path)
    assert len(chart.panels[0].dots) == len(study.designs)
    finish(STREETCAM.run, tmp_path, document({"latent": 0.2, "mirror": 0.3}, 0.8))
    (text,) = study.tables(tmp_path).values()
    assert "training set, `mirror`" in text  # the stronger one in a run that is not told of here


def test_finished_studies_leave_their_pictures_beside_the_page(tmp_path: Path) -> None:
    root, page = tmp_path / "out", tmp_path / "page.md"
    marks = [f"classes-vehicles{part}" for part in ("", "-fidelity", "-found")]
    page.write_text("".join(f"<!-- results: {mark} -->\nold\n<!-- end of results -->\n" for mark in marks))
    for step in in_order(STREETCAM.steps):
        step.folder(root).mkdir(parents=True)
        (step.folder(root) / DONE).touch()
        if step.kind == "figures":
            (step.folder(root) / SCORES).write_text(json.dumps(document(dict.fromkeys(attacked(step), 0.5), 0.8)))
    Image.new("RGB", (4, 4)).save(STREETCAM.run.folder(root) / "sheet.jpg")
    settings = ResultsSettings(out=root, studies=("classes-streetcam",), page=page, tables_only=True)
    assert main(settings) == 0
    assert "old" not in page.read_text()
    for name in ("training-set-vehicles.jpg", "training-set-vehicles.png"):
        assert f"({name})" in page.read_text()
        with Image.open(tmp_path / name) as picture:
            picture.verify()


def test_every_table_has_its_place_in_the_page(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "training-set.md").read_text(encoding="utf-8")
    tables = {name: "new" for study in STUDIES for name in study.tables(tmp_path)}
    assert filled(page, tables).count("\nnew\n") == len(tables) == page.count("<!-- results: ")


def test_a_study_of_faces_says_which_files_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--studies classes: give --faces, --autoencoder and --judge too"):
        studies_of(ResultsSettings(out=tmp_path, studies=("classes",), faces=Path("a"), autoencoder=Path("b")))
    whole = ResultsSettings(
        out=tmp_path, studies=("classes",), faces=Path("a"), autoencoder=Path("b"), judge=Path("c"), per_class=1
    )
    (study,) = studies_of(whole).values()
    assert all(
        parsed("invert", step.command(tmp_path)[1:], {}).per_class == 1
        for step in study.steps
        if step.arguments[0] == "invert"
    )
