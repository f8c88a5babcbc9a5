"""Studies: what is run, that it is run once, and what the tables say of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.results.__main__ import ResultsSettings, Study, main, studies_of
from benchmarks.results.defences import Defences
from benchmarks.results.designs import World
from benchmarks.results.faces import RealFaces
from benchmarks.results.generators import Generators
from benchmarks.results.heads import Heads
from benchmarks.results.knowledge import Knowledge
from benchmarks.results.learning import Learning
from benchmarks.results.page import filled
from benchmarks.results.recipes import Recipes
from benchmarks.results.scores import Leak, less_text, score_text
from benchmarks.results.steps import SCORES, Step, in_order, run_steps
from benchmarks.results.terms import Terms
from keyhole.bench.records import AccuracyRecord, Design, ProfileRecord
from keyhole.cli import parsed
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError
from tests.benchmarks.finished import finish, scores_of

SMALL = World(trainings=2, batches=12, black=6, white=6)


def steps(*told: str) -> tuple[Step, Step, Step]:
    base = Step("base", "folder", ("train", *told))
    made = Step("made", "folder", ("train", "more", "{base}"), {"base": base})
    return base, made, Step("leak", "scores", ("attack", "{made}"), {"made": made})


def test_steps_run_once_in_the_order_of_their_needs(tmp_path: Path) -> None:
    base, made, leak = steps()
    ran: list[tuple[str, ...]] = []

    def run(command: Sequence[str], log: Path) -> int:
        assert log.parent == tmp_path
        ran.append(tuple(command))
        return 0 if len(ran) != 2 else 1

    for step in (base, made):
        step.folder(tmp_path).mkdir()
    assert run_steps([leak], tmp_path, 2, lambda _: None, run) == [made, leak]
    assert len(ran) == 2
    assert run_steps([leak], tmp_path, 2, lambda _: None, run) == []
    assert [command[0] for command in ran] == ["train", "train", "train", "attack"]
    assert ran[1] == ran[2] == ("train", "more", str(base.folder(tmp_path)), "--out", str(made.folder(tmp_path)))
    assert ran[3][-1] == str(leak.folder(tmp_path) / SCORES)
    assert run_steps([leak], tmp_path, 2, lambda _: None, run) == []
    assert len(ran) == 4


def test_a_changed_command_is_another_step_and_so_is_what_needs_it(tmp_path: Path) -> None:
    before, after = steps(), steps("--batches", "3")
    for old, new in zip(before, after, strict=True):
        assert old.folder(tmp_path) != new.folder(tmp_path)
    assert [step.name for step in in_order([after[2], after[0]])] == ["base", "made", "leak"]


def test_what_comes_after_waits_but_is_not_changed_by_what_came_before(tmp_path: Path) -> None:
    base, made, _ = steps()
    late = Step("late", "folder", ("train", "late"), after=(base,))
    assert late.digest == Step("late", "folder", ("train", "late")).digest
    assert [step.name for step in in_order([late])] == ["base", "late"]
    assert run_steps([late], tmp_path, 1, lambda _: None, lambda *_: 1) == [base, late]
    assert made.needs == {"base": base}


@pytest.mark.parametrize(
    "study",
    [
        *(kind(SMALL) for kind in (Defences, Terms, Heads, Knowledge, Learning, Recipes)),
        Generators(),
        RealFaces(Path("/lfw.zip"), Path("/taef2")),
    ],
    ids=lambda study: type(study).__name__,
)
def test_every_command_is_one_that_keyhole_takes(study: Study, tmp_path: Path) -> None:
    for step in in_order(study.steps):
        name, *arguments = step.command(tmp_path)
        if name == "train":
            name, arguments = f"train {arguments[0]}", arguments[1:]
        assert "{" not in " ".join(arguments)
        settings = parsed(name, arguments, {})
        if step.kind != "figures":
            assert settings.out in (step.folder(tmp_path), tmp_path / "pictures")
        if step.kind != "folder":
            assert settings.json == step.folder(tmp_path) / SCORES


def test_every_design_gets_the_same_batches_cut_and_memory(tmp_path: Path) -> None:
    study = Defences(SMALL)
    for setup in study.setups[2:]:
        assert setup.cut == "layer3"
        assert len(setup.trainings) == SMALL.trainings
        for training in setup.trainings:
            taken = [training, *training.needs.values()]
            settings = [parsed(f"train {step.arguments[1]}", step.command(tmp_path)[2:], {}) for step in taken]
            assert sum(each.batches for each in settings) == SMALL.batches
            assert {each.batch for each in settings} == {64}
            assert settings[-1].room == "layer2"
            assert len({(each.seed, each.data, each.identities, each.held_out) for each in settings}) == 1


def test_studies_share_what_is_the_same() -> None:
    shared = {step.digest for step in Defences(SMALL).steps} & {step.digest for step in Terms(SMALL).steps}
    pruning, patrol = Defences(SMALL).setups[2:4]
    assert {
        step.digest for setup in (pruning, patrol) for step in (*setup.trainings, *setup.attacks["black"])
    } <= shared


def test_a_leak_is_the_mean_over_trainings_and_differences_are_by_picture() -> None:
    first, second = [0.5, 0.6, 0.7, 0.8, 0.9, 0.4], [0.7, 0.6, 0.5, 0.8, 0.9, 0.6]
    leak = Leak.of([scores_of(first, 0.2), scores_of(second, 0.4)])
    assert leak.pictures("ssim") == pytest.approx([0.6, 0.6, 0.6, 0.8, 0.9, 0.5])
    assert leak.read_text() == "plate 30 % (3 %)"
    assert leak.thumbnail is None
    other = Leak.of([scores_of([value + 0.1 for value in leak.pictures("ssim")])])
    less = leak.less(other, "ssim")
    assert less.interval is not None
    assert (less.mean, *less.interval) == pytest.approx((0.1, 0.1, 0.1))
    assert less_text(leak, other).startswith("+0.100 [+0.100, +0.100]")
    twice = Leak.of([scores_of([value + 0.2 for value in first]), scores_of(second)])
    assert less_text(leak, twice).endswith("; trainings +0.000 to +0.200")


def test_a_thumbnail_stands_above_the_best_blind_attacker() -> None:
    truths = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    scale = ThumbnailScale.measure(truths, metrics_named(("ssim", "psnr")))
    at_four = [row[:] for row in scale.scores["ssim"]][scale.sides.index(4)]
    run = scores_of(at_four)
    recipes = {name: {"pictures": [{"ssim": each, "psnr": 1.0}] * 6} for name, each in (("flat", -1.0), ("mean", -0.5))}
    leak = Leak.of([{**run, "blind": {"recipes": recipes}, "scale": scale.as_json()}])
    assert statistics.fmean(leak.blind["ssim"]) == -0.5
    assert leak.thumbnail is not None
    assert leak.thumbnail.side == pytest.approx(4)
    assert score_text(leak).startswith(leak.thumbnail.text)


def test_tables_tell_what_is_measured_and_what_is_not(tmp_path: Path) -> None:
    study = Terms(SMALL)
    assert study.tables(tmp_path)["terms"].count("not measured") == 3 * 8 + 7
    for step in in_order(study.steps):
        finish(
            step, tmp_path, 0.5 if "term-adversarial-30" in step.name else 0.6 if "shallow" not in step.name else 0.8
        )
    (table,) = study.tables(tmp_path).values()
    assert "not measured" not in table
    (row, claim) = (line for line in table.splitlines() if "30 times" in line)
    assert claim.endswith(": seen by the black box (SSIM +0.100 [+0.100, +0.100]).")
    assert "- *both together protect further than pruning alone*: not seen by the black box (SSIM +0.000" in table
    assert "80.0 %" in row
    assert "+0.100 [+0.100, +0.100]; trainings +0.100 to +0.100" in row
    assert "10.0 points, 36 %, 36 %" in row
    whole = Defences(SMALL).tables(tmp_path)["defences"]
    assert "| PATROL, recipe `fast` | 6; 12 | 80.0 % (80.0 to 80.0) | not measured | 0.625" in whole


def test_heads_are_told_beside_the_unpruned_one_of_their_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Heads(SMALL)
    for step in study.steps:
        finish(step, tmp_path, 0.4 if "patrol" in step.name else 0.8)
    designs = [Design(setup.target, f"{setup.cut}.1") for setup in study.setups]
    profiles = [ProfileRecord(design, 1.0, 1, 5_000_000, memory=2**21) for design in designs]
    for target, step in study.ranks.items():
        report = {"rank_1": 80.0 if "patrol" in target else 90.0, "probes": 600}
        (step.folder(tmp_path) / SCORES).write_text(json.dumps({"report": report}))
    monkeypatch.setattr("benchmarks.results.heads.open_results", lambda _: SimpleNamespace(profiles=profiles))
    lines = study.tables(tmp_path)["heads"].splitlines()
    low, claim, boxes = (line for line in lines if "patrol-low" in line)
    assert claim.count("seen by the") == 2
    assert boxes.endswith("patrol-low@layer3`*: not seen (SSIM +0.000 [+0.000, +0.000]).")
    assert low.endswith("| 10.0 points; 48 %, 48 % |")
    assert "| 2.00; 5 | 80.0 [76.6, 83.0] % |" in low
    (unpruned,) = (line for line in lines if line.startswith("| `resnet18-streetcam@layer2`"))
    assert unpruned.endswith("|  |")


def test_recipes_of_the_paper_stand_beside_ours(tmp_path: Path) -> None:
    study = Recipes(SMALL)
    for (_, recipe, _), step in study.attacks.items():
        finish(step, tmp_path, 0.6 if recipe == "strong" else 0.4)
        path = step.folder(tmp_path) / SCORES
        told = json.loads(path.read_text())
        told["rows"][0]["unet_passes"] = 1234.0
        path.write_text(json.dumps(told))
    lines = study.tables(tmp_path)["recipes"].splitlines()
    (paper,) = (line for line in lines if line.startswith("| `diffusion-white/paper`"))
    assert paper.split(" | ")[1:3] == ["", ""]
    assert paper.split(" | ")[3].startswith("0.425 [")
    assert paper.endswith("; 4.2 dB | 1,234 |")
    (claim,) = (line for line in lines if line.startswith("- *`diffusion-white/paper` gets less than ours at `layer3`"))
    assert claim.endswith(": seen by the white box (SSIM +0.200 [+0.200, +0.200]).")


def test_who_knows_of_a_defence_has_a_column_for_each_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Knowledge(SMALL)
    for step in study.steps:
        finish(step, tmp_path, 0.7 if "eight" in step.name else 0.5 if "knows" in step.name else 0.3)
    accuracies = [AccuracyRecord(Design("t", "layer2.1", "topk:share=0.1"), "rank-1", 87.3, 150)]
    found = SimpleNamespace(accuracies=accuracies)
    monkeypatch.setattr("benchmarks.results.knowledge.open_results", lambda _: found)
    lines = study.tables(tmp_path)["knowledge"].splitlines()
    cells = {line: [cell.strip()[:5].strip() for cell in line.split("|")[1:-1]] for line in lines}
    (row,) = (cells[line] for line in lines if "topk" in line)
    assert row == ["`topk", "87.3", *(["0.325", "0.525", "0.725"] * 2)]
    (plain,) = (cells[line] for line in lines if "`none`" in line)
    assert plain == ["`none", "not m", *(["", "0.525", ""] * 2)]


def test_tables_stand_between_their_marks() -> None:
    end = "<!-- end of results -->"
    page = f"a\n<!-- results: one -->\nold\n{end}\nb\n<!-- results: two -->\nkept\n{end}\n"
    made = filled(page, {"one": "| new |\n"})
    assert "old" not in made
    assert made == page.replace("old", "| new |")
    assert filled(made, {"one": "| new |\n"}) == made
    with pytest.raises(UsageError, match="the page lacks <!-- results: three -->"):
        filled(page, {"three": ""})


def test_the_command_writes_finished_studies_into_the_page_and_says_what_the_others_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- results: terms -->\nold\n<!-- end of results -->\n")
    settings = ResultsSettings(out=tmp_path / "out", studies=("terms",), page=page, tables_only=True)
    steps = in_order(Terms(World()).steps)
    for step in steps[1:]:
        finish(step, tmp_path / "out", 0.5)
    assert main(settings) == 0
    assert "old" in page.read_text()
    assert f"terms: 1 of {len(steps)} steps are not done; its tables are not written" in capsys.readouterr().out
    finish(steps[0], tmp_path / "out", 0.5)
    assert main(settings) == 0
    assert "| all: PATROL | 80.0 % (80.0 to 80.0) |" in page.read_text()
    assert "old" not in page.read_text()
    assert main(ResultsSettings(out=tmp_path / "out", studies=("terms",), dry_run=True)) == 0
    assert "keyhole train patrol --cut layer3 --room layer2" in capsys.readouterr().out
    with pytest.raises(UsageError, match="give --faces and --autoencoder"):
        studies_of(ResultsSettings(out=tmp_path, studies=("faces",)))
    with pytest.raises(UsageError, match="--jobs 0: expected 1 or more"):
        studies_of(ResultsSettings(out=tmp_path, jobs=0))
