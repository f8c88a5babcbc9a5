"""`keyhole attack` on a tiny model and a folder of pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks.registry import ATTACKS, USUAL
from keyhole.defences.mechanism_file import MECHANISM
from keyhole.evaluation.command import attack
from keyhole.evaluation.scores import score
from keyhole.evaluation.settings import AblationSettings, AttackSettings, check_ablation
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.service.errors import UsageError
from tests.attacks.tiny import pictures
from tests.defences.test_learned import noise
from tests.priors.tiny_priors import stable

OWN = "tests.evaluation.own_metric:spread"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures" / "audit"
    place.mkdir(parents=True)
    for number, picture in enumerate(pictures(4, size=32)):
        transform.to_pil_image(picture).save(place / f"{number}.png")
    return place.parent


@pytest.fixture
def settings(folder, tmp_path):
    return AttackSettings(
        target="tests.system.tiny_target:tiny",
        source=str(folder),
        public="leaves",
        cuts=("stem", "block.first"),
        n=3,
        batch=2,
        iterations=25,
        json=tmp_path / "out" / "scores.json",
        sheet=tmp_path / "out" / "sheet.png",
    )


@pytest.mark.parametrize("name", ["embedder", "detector"])
def test_an_attack_that_needs_classes_is_refused_before_others_run(settings, name, capsys):
    own = replace(settings, target=f"tests.bench.targets:{name}", cuts=("0",), attacks=("pixels-white", "query-free"))
    with pytest.raises(UsageError, match="query-free needs a classifier with its card"):
        attack(own)
    assert "pixels-white" not in capsys.readouterr().out


def test_it_scores_every_cut_and_writes_what_was_asked_for(settings, capsys):
    assert attack(settings) == 0
    shown = capsys.readouterr().out
    assert "stem" in shown
    assert "block.first" in shown
    written = json.loads(settings.json.read_text())
    assert [cut["cut"] for cut in written["rows"]] == ["stem", "block.first"]
    for cut in written["rows"]:
        assert (cut["attack"], cut["knowledge"], cut["iterations"]) == ("pixels-white", "white box", 25)
        assert cut["n"] == len(cut["pictures"]) == 3
        assert cut["psnr_mean"] == pytest.approx(sum(one["psnr"] for one in cut["pictures"]) / 3)
        assert cut["psnr_mean"] > 10
        assert cut["psnr_ci95"] is None
        assert cut["published"] is None
    with Image.open(settings.sheet) as sheet:
        assert sheet.width > 3 * 192
        assert sheet.height > 3 * 192


@pytest.mark.parametrize("attack_name", ["pixels-white", "pixels-black"])
def test_a_defence_protects_and_the_scores_name_it(settings, attack_name, capsys):
    changed = replace(settings, attacks=(attack_name,), cuts=("stem",), public="leaves", iterations=12)
    made = {}
    for defence, unaware in (("none", False), ("topk:share=.050", False), ("topk:share=.050", True)):
        attack(replace(changed, defence=defence, unaware=unaware))
        made[defence, unaware] = json.loads(settings.json.read_text())
    open_, aware, unaware = made.values()
    assert (open_["defence"], aware["defence"], unaware["defence"]) == ("none", "topk:share=0.05", "topk:share=0.05")
    assert (aware["aware"], unaware["aware"]) == (True, False)
    assert len({one["rows"][0]["psnr_mean"] for one in made.values()}) == 3
    assert "unknown to the attack" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("attack_name", ["pixels-white", "pixels-black"])
def test_several_looks_at_a_picture_are_another_run(settings, attack_name, capsys):
    changed = replace(settings, attacks=(attack_name,), cuts=("stem",), defence="gaussian:scale=1", public="leaves")
    made = []
    for frames in (1, 4):
        attack(replace(changed, frames=frames, iterations=12))
        made.append(json.loads(settings.json.read_text()))
    assert "frames" not in made[0]
    assert made[1]["frames"] == 4
    assert made[0]["rows"][0]["psnr_mean"] != made[1]["rows"][0]["psnr_mean"]
    assert "gaussian:scale=1.0, 4 looks at each picture" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="--frames 0: expected 1 or more"):
        attack(replace(changed, frames=0))


def test_a_run_goes_on_where_it_stopped(settings, tmp_path):
    kept = replace(settings, out=tmp_path / "kept", n=2)
    attack(kept)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.png")}
    assert len(before) == 4
    attack(replace(kept, n=3))
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.png")}
    assert len(after) == 6
    assert before.items() <= after.items()
    attack(replace(kept, iterations=26))
    assert len(list((tmp_path / "kept").rglob("*.png"))) == 10


def test_pictures_behind_a_mechanism_that_was_learned_anew_are_attacked_anew(settings, tmp_path):
    shape, file, made = (8, 16, 16), tmp_path / MECHANISM, []
    defence = noise(tmp_path, torch.full(shape, 0.1), torch.zeros(shape))
    first = file.read_bytes()
    noise(tmp_path, torch.full(shape, 5.0), torch.zeros(shape))
    for mechanism in (first, file.read_bytes(), first):
        file.write_bytes(mechanism)
        attack(replace(settings, cuts=("stem",), defence=defence, out=tmp_path / "kept"))
        made.append(json.loads(settings.json.read_text()))
    faint, loud, again = (each["rows"][0]["psnr_mean"] for each in made)
    assert faint == again > loud
    assert made[0]["mechanism_hash"] == made[2]["mechanism_hash"] != made[1]["mechanism_hash"]
    assert len(list((tmp_path / "kept").glob("*/run.json"))) == 2


def test_a_black_box_is_trained_first(settings, tmp_path, capsys):
    done = replace(settings, attacks=("pixels-black",), cuts=("stem",), public="leaves", iterations=12)
    done = replace(done, out=tmp_path / "kept", queries=64)
    assert attack(done) == 0
    written = json.loads(settings.json.read_text())
    (row,) = written["rows"]
    assert (row["knowledge"], row["iterations"]) == ("black box", 12)
    spent = row["preparation"]
    assert (spent["steps"], spent["pictures"], spent["labelled"]) == (12, 64, False)
    assert spent["cpu_seconds"] > 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Trained before the first picture: pixels-black stem 12 steps on 64 answers of the head" in told
    assert attack(done) == 0  # nothing is made again, and the cost is told as it was
    assert json.loads(settings.json.read_text())["rows"][0]["preparation"] == spent


def test_several_attacks_and_seeds_make_one_table(settings, capsys):
    words, cuts = ("pixels-white", "pixels-white/paper", "pixels-black"), ("stem", "block.first")
    assert attack(replace(settings, attacks=words, cuts=cuts, seeds=(3, 5), n=2, iterations=4, public="leaves")) == 0
    written = json.loads(settings.json.read_text())
    assert written["seeds"] == [3, 5]
    rows = written["rows"]
    assert [(row["attack"], row["recipe"], row["cut"]) for row in rows] == [
        (name, recipe, cut)
        for name, recipe in (("pixels-white", "strong"), ("pixels-white", "paper"), ("pixels-black", "strong"))
        for cut in cuts
    ]
    for row in rows:
        first, second = row["by_seed"]["3"], row["by_seed"]["5"]
        assert first != second
        means = [(one["psnr"] + other["psnr"]) / 2 for one, other in zip(first, second, strict=True)]
        assert [one["psnr"] for one in row["pictures"]] == pytest.approx(means)
        assert (row["n"], row["psnr_mean"]) == (2, pytest.approx(sum(means) / 2))
        assert row["psnr_ci95"] is None
    shown = capsys.readouterr().out
    assert "/paper" in shown
    assert "its mean over 2 seeds" in " ".join(shown.split())
    with Image.open(settings.sheet) as sheet:
        assert sheet.width > 7 * 192


def test_all_attacks_ask_for_a_prior_before_anything_is_computed(settings, monkeypatch):
    monkeypatch.setattr("keyhole.evaluation.run.partitioned_at", lambda *_: pytest.fail("computed something"))
    with pytest.raises(UsageError, match="--prior nowhere: no such prior"):
        attack(replace(settings, attacks=("all",), prior="nowhere"))


def test_all_attacks_run(settings, tmp_path):
    prior = str(stable(tmp_path / "prior"))
    done = replace(
        settings, attacks=("all",), cuts=("stem",), n=2, iterations=1, prior=prior, public="leaves", sampling_steps=1
    )
    assert attack(done) == 0
    assert [row["attack"] for row in json.loads(settings.json.read_text())["rows"]] == list(USUAL) == [*ATTACKS][:-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attacks": ("pixel-white",)}, "did you mean pixels-white"),
        ({"recipe": "papr"}, "unknown recipe 'papr': pixels-white has strong, paper"),
        ({"attacks": ("pixels-white/paper", "pixels-white/paper")}, "names pixels-white/paper twice"),
        ({"attacks": ("decoder-ladder",)}, "decoder-ladder works on frames as they come"),
        ({"n": 0}, "--n 0"),
        ({"defence": "gausian:scale=1"}, "did you mean gaussian"),
        ({"cuts": ("blok",)}, "blok"),
        ({"smoothing": -1.0}, "--smoothing -1.0: expected 0 or more"),
        ({"smoothing": 0.1}, "--smoothing 0.1: no filter ends pixels-white/strong; pixels-white/filtered has one"),
        ({"sampling_steps": 4}, "--sampling-steps 4: no sampler makes the pictures of pixels-white/strong"),
    ],
)
def test_wrong_settings_are_refused(settings, change, message):
    with pytest.raises(UsageError, match=message):
        attack(replace(settings, **change))


def test_scores_of_a_perfect_reconstruction():
    truth = pictures(1, size=32)
    (scores,) = score(truth, truth, metrics_named(DEFAULT))
    assert list(scores) == ["psnr", "ssim", "eq14"]
    assert scores["ssim"] == pytest.approx(1)
    assert scores["psnr"] > 60


def test_the_metrics_that_were_asked_for_are_tabled_and_written(settings, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    asked = ("l2", "ssim", OWN)
    assert attack(replace(settings, cuts=("stem",), seeds=(0, 1), iterations=4, metrics=asked)) == 0
    (row,) = json.loads(settings.json.read_text())["rows"]
    assert list(row["pictures"][0]) == ["l2", "ssim", "eq14"]
    assert row["l2_mean"] == pytest.approx(sum(one["l2"] for one in row["pictures"]) / 3)
    assert row[OWN] == pytest.approx(sum(each[OWN] for each in row["sets_by_seed"].values()) / 2)
    assert "psnr_mean" not in row
    shown = capsys.readouterr().out
    assert "L2   SSIM   Spread m" in " ".join(shown.split()).replace(" ", "   ").replace("Spread   m", "Spread m")
    assert f"{row[OWN]:.1f}" in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ()}, "--metrics: expected one or more of psnr, ssim"),
        ({"metrics": ("pnsr",)}, "unknown metric 'pnsr': did you mean psnr"),
        ({"metrics": ("fid",)}, r"Inception \(for FID, .* needs weights that are not here: download https"),
        ({"metrics": ("dss",), "size": 24}, "pictures of 24 pixels cannot be scored: DSS compares 32 pixels a side"),
        ({"metrics": (OWN,), "n": 1}, "Spread needs 2 pictures or more, not 1"),
    ],
)
def test_metrics_that_cannot_be_are_refused_before_any_attack(settings, monkeypatch, tmp_path, change, message):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("keyhole.evaluation.run.reconstruct_all", lambda *_: pytest.fail("computed something"))
    with pytest.raises(UsageError, match=message):
        attack(replace(settings, **change))


@pytest.mark.parametrize(
    ("flag", "name", "expected"),
    [
        ("sheet", "sheet.xyz", "a name with .png or"),
        ("sheet", "sheet", "a name with .png or"),
        ("curves", "loss.xyz", "a name with .png or .svg"),
        ("json", "", "a file, not a folder"),
        ("json", "pictures/audit/0.png/scores.json", "a place that can be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_any_attack(settings, tmp_path, flag, name, expected):
    wrong = replace(settings, **{flag: tmp_path / name}, out=tmp_path / "kept")
    with pytest.raises(UsageError, match=rf"--{flag} .*: expected {expected}"):
        attack(wrong)
    assert not wrong.out.exists()


def test_a_plot_that_cannot_be_written_is_refused_too(folder, tmp_path):
    wrong = AblationSettings(target="tests.system.tiny_target:tiny", source=str(folder), plot=tmp_path / "plot.xyz")
    with pytest.raises(UsageError, match=r"--plot .*: expected a name with .png or .svg"):
        check_ablation(wrong)


def test_pictures_too_small_to_score_are_refused_before_any_attack(settings):
    with pytest.raises(UsageError, match="pictures of 10x32 pixels cannot be scored"):
        attack(replace(settings, size=(10, 32)))


def test_nothing_is_kept_in_a_folder_of_something_else(settings, folder):
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="not empty and holds no attack that Keyhole marked"):
        attack(replace(settings, out=folder))
    assert sorted(folder.rglob("*")) == before


def test_losses_are_written_and_drawn(settings, tmp_path):
    kept = replace(settings, out=tmp_path / "kept", curves=tmp_path / "loss.png", iterations=12)
    for _ in range(2):
        attack(kept)
        for cut in json.loads(settings.json.read_text())["rows"]:
            assert len(cut["losses"]) == 12
            assert cut["losses"][-1] < cut["losses"][0]
    with Image.open(kept.curves) as plot:
        assert plot.width > 400
