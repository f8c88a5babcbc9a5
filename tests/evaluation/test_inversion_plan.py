"""The suites of `keyhole invert`: what they run, what a dry run says, and how to get a target where there is none."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keyhole.attacks.classes.chosen import classifier_named
from keyhole.attacks.classes.registry import CLASS_ATTACKS, FLOORS, choose_class_attack
from keyhole.cli import parsed
from keyhole.data.classes import VEHICLES, VIEWS
from keyhole.data.in_memory import read_pictures
from keyhole.data.streetcam.stream import Passes, Streetcam, drawn_at
from keyhole.evaluation.classes.command import invert
from keyhole.evaluation.classes.pictures import private_names, read_private
from keyhole.evaluation.classes.plan import planned_attacks, print_plan
from keyhole.evaluation.classes.settings import HOW_TO_TRAIN, SUITES, InvertSettings, attack_words, check_invert
from keyhole.evaluation.classes.shipped import EVALUATOR, TARGET, with_shipped
from keyhole.service.errors import UsageError
from keyhole.targets import Target, load_target
from keyhole.targets.target import Preprocess
from keyhole.terminal import terminal
from tests.evaluation.tiny_inversion import MINE, write_pictures

QUIET = terminal(quiet=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> InvertSettings:
    private, public = write_pictures(tmp_path_factory.mktemp("world"))
    where = {"private": str(private), "public": str(public), "public_part": "all"}
    return InvertSettings(f"{MINE}:target", judge=f"{MINE}:Where", workers=0, device="cpu", **where)


def test_quick_is_ten_classes_by_what_needs_no_training_and_standard_fifty_by_all() -> None:
    quick, standard = SUITES["quick"], SUITES["standard"]
    assert (quick.classes, quick.per_class, quick.attacks) == (10, 1, ("latent", "guided"))
    assert (standard.classes, standard.per_class) == (50, 2)
    everything = tuple(CLASS_ATTACKS)
    assert set(attack_words(InvertSettings("x", suite="standard"), everything)) == set(everything)
    for name in quick.attacks:
        assert not next(iter(CLASS_ATTACKS[name].recipes.values())).generators


def test_quick_draws_fewer_public_pictures_and_reads_as_many() -> None:
    assert InvertSettings("x").public_count < InvertSettings("x", suite="standard").public_count == 4096
    assert InvertSettings("x", public="faces.zip").public_count == 4096
    assert InvertSettings("x", public_n=7).public_count == 7


def test_without_files_the_shipped_classifier_is_attacked_and_another_shipped_one_asked() -> None:
    chosen = with_shipped(InvertSettings())
    assert (chosen.target, chosen.evaluator) == (TARGET, EVALUATOR)
    target, evaluator = (load_target(name) for name in (TARGET, EVALUATOR))
    assert target.labels == evaluator.labels == private_names(InvertSettings(), 64)
    assert target.hash != evaluator.hash
    defended = with_shipped(InvertSettings(f"{TARGET}-tl-dmi"))
    assert (defended.target, defended.evaluator) == (f"{TARGET}-tl-dmi", EVALUATOR)


@pytest.mark.parametrize(
    "given",
    [
        {"private_seed": 1},  # it learned from pictures that are held back now
        {"held_back": 0.5},
        {"identities": 30},
        {"part": "public"},
        {"target": EVALUATOR},
        {"target": "resnet18-tinyimagenet"},
        {"target": f"{MINE}:target"},
        {"target": TARGET, "private": "faces.zip"},
    ],
)
def test_the_shipped_evaluator_is_asked_of_what_it_learned_and_nothing_else(given: dict[str, object]) -> None:
    assert with_shipped(InvertSettings(**given)).evaluator is None
    own = with_shipped(InvertSettings(**given, evaluator="mine"))
    assert own.evaluator == "mine"


def test_without_a_target_other_private_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match=rf"--private faces.zip: --target names .*{TARGET}, knows vehicles"):
        with_shipped(InvertSettings(private="faces.zip"))


def test_where_a_folder_is_missing_it_says_which_commands_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = ({"target": "runs/no-such"}, {"target": f"{MINE}:target", "evaluator": "runs/no-such"})
    for given in absent:
        with pytest.raises(UsageError, match="keyhole train target") as refused:
            check_invert(InvertSettings(**given))
        assert HOW_TO_TRAIN in str(refused.value)
    lines = HOW_TO_TRAIN.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    keyhole ")]
    found = [parsed(" ".join(words[1 : -len(rest)]), rest, {}) for words in commands for rest in [_flags(words)]]
    assert [one.architecture for one in found[:2]] == ["narrow:resnet18-16", "narrow:vgg13-16"]
    target, evaluator = (one.out for one in found[:2])
    assert (found[2].target, found[2].evaluator) == (str(target), str(evaluator))
    for folder in (target, evaluator):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    check_invert(found[2])


def _flags(words: list[str]) -> list[str]:
    return words[next(at for at, word in enumerate(words) if word.startswith("--")) :]


def test_a_dry_run_says_what_is_missing_and_how_it_is_made_and_writes_nothing(
    settings: InvertSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "card.json").write_text(json.dumps({"kind": "gan"}))
    asked = replace(settings, suite="standard", dry_run=True, generators=(plain,), out=tmp_path / "out")
    assert invert(asked) == 0
    said = capsys.readouterr().out
    assert "6 of 6 classes, 2 pictures of each" in said
    assert "With every generator about" in said
    rows = {line.split()[0]: line for line in said.splitlines() if line.split()[:1]}
    for name in set(CLASS_ATTACKS) - set(FLOORS):
        assert name in rows
    assert rows["gmi"].split()[-1] == "there"
    assert rows["plg-mi"].endswith("missing: cgan") or "missing: cgan" in rows["plg-mi"]
    assert "keyhole train prior --kind cgan --target" in said
    assert "--kind gan" not in said
    assert "About" in said
    assert not (tmp_path / "out").exists()


def test_more_steps_and_more_pictures_are_planned_to_take_longer(settings: InvertSettings) -> None:
    target = classifier_named(settings.target)
    few = {plan.chosen.attack: plan for plan in planned_attacks(replace(settings, iterations=100), target, 2, 5)}
    more = {plan.chosen.attack: plan for plan in planned_attacks(replace(settings, iterations=1000), target, 20, 5)}
    assert [few[name].steps for name in ("latent", "public-best")] == [100, 1]
    assert more["latent"].seconds > 10 * few["latent"].seconds


def test_a_detector_remembers_no_classes() -> None:
    with pytest.raises(UsageError, match="yolo-streetcam answers with boxes"):
        classifier_named("yolo-streetcam")


def test_where_a_class_is_searched_for_once_further_pictures_of_it_cost_no_search() -> None:
    def seconds(word: str, classes: int, each: int) -> float:
        return choose_class_attack(word).seconds(100, 0.01, classes, each)

    for word in ("ked-mi", "lomma", "vmi"):
        assert seconds(word, 4, 5) == pytest.approx(seconds(word, 4, 1)) == pytest.approx(4 * seconds(word, 1, 1))
    for word in ("latent", "gmi", "lomma/gmi", "ppa"):
        assert seconds(word, 4, 5) == pytest.approx(5 * seconds(word, 4, 1)) == pytest.approx(seconds(word, 20, 1))


def test_a_cameras_first_picture_is_not_taken_for_what_each_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    seen: set[int] = set()

    def drawn(_: Passes, at: int) -> None:
        camera = at % 3
        clock[0] += 0.001 if camera in seen else 10.0
        seen.add(camera)

    monkeypatch.setattr(Passes, "__getitem__", drawn)
    monkeypatch.setattr("keyhole.evaluation.classes.plan.time.perf_counter", lambda: clock[0])
    asked = InvertSettings(f"{MINE}:target", attacks=("latent",), workers=1, out=tmp_path, dry_run=True)
    print_plan(replace(asked, classes=("0-1",)), terminal())
    assert f"{round((VEHICLES * VIEWS + 1024) * 0.001)} s of it to draw pictures once" in capsys.readouterr().out


def test_private_pictures_that_the_targets_training_drew_are_not_drawn_again(tmp_path: Path) -> None:
    vehicles, views = 2, 2
    drawn = Passes(Streetcam("private-train", drawn_at(16)), vehicles, views)
    trained = tmp_path / "trained"
    read_pictures(drawn, 16, workers=0, folder=trained, console=QUIET)
    (kept,) = trained.glob("pictures-*.npy")
    shown = np.load(kept)
    shown[:] = 7
    np.save(kept, shown)
    names = tuple(str(drawn.facts(at).identity) for at in (0, views))
    target = Target(str(trained), torch.nn.Identity(), Preprocess(16), names, 2, "none", "none")
    asked = InvertSettings(str(trained), identities=vehicles, views=views, workers=0)
    read = read_private(asked, target, tmp_path / "out", QUIET)
    assert {int(part.pictures.float().mean()) for part in read} == {7}
    assert not (tmp_path / "out").exists()
