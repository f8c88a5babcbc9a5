"""What a user adds from outside the package is known to every command: an attack, a defence, a metric, a method."""

from __future__ import annotations

import json
import math
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transform

from adversary.preparation import forecast
from adversary.settings import AdversarySettings
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, ONLINE, choose, choose_all
from keyhole.bench.records import PICTURE
from keyhole.bench.store import open_results
from keyhole.cli import dispatch, parsed
from keyhole.metrics import metrics_named
from keyhole.service.errors import UsageError
from keyhole.targets import load_target
from monitor.settings import MonitorSettings
from monitor.validation import ATTACK
from tests.adversary.servers import Monitor, Oracle, Tapped
from tests.adversary.test_process import page, port, running, seen, serving, settings, victim  # noqa: F401
from tests.attacks.tiny import pictures, white_box
from tests.train.patrol_making import class_folders
from tests.waiting import wait_until

TARGET = "tests.system.tiny_target:tiny"
FLAGS = ("--target", TARGET, "--cut", "stem")
MODULE = Path(__file__).with_name("own_parts.py").read_text()
WHITE, BLACK, FAMILY, LADDER = (f"my_own.parts:{name}" for name in ("Grey", "Mean", "FAMILY", "LADDER"))
DEFENCE, METRIC, METHOD = (f"my_own.parts:{name}" for name in ("Half", "DARKNESS", "Trained"))
BENCH = [
    *("bench", "--targets", f"{TARGET}@stem", "--only", "leak", "--source", "shown", "--public", "shown"),
    *("--out", "run", "--attacks", WHITE, f"{FAMILY}/fast", "--defences", DEFENCE, "--metrics", METRIC),
]


def enter(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with the package and pictures."""
    package = folder / "my_own"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(MODULE)
    for name in ("my_own", "my_own.parts"):
        patch.delitem(sys.modules, name, raising=False)
    patch.chdir(folder)
    patch.syspath_prepend(folder)
    for pool in ("audit", "public"):
        (folder / "shown" / pool).mkdir(parents=True)
        for number, picture in enumerate(pictures(8, seed=len(pool), size=32)):
            transform.to_pil_image(picture).save(folder / "shown" / pool / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    return enter(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a benchmark that has ended."""
    with pytest.MonkeyPatch.context() as patch:
        folder = enter(tmp_path_factory.mktemp("finished"), patch)
        assert dispatch(BENCH, {}) == 0
    return folder


@pytest.fixture
def measured(finished, here, monkeypatch):
    """The same, entered; the package is still that of `here`."""
    monkeypatch.chdir(finished)
    return finished


def test_it_is_attacked_by_what_is_not_registered(here, capsys):
    files = [*("--json", "own.json"), *("--sheet", "own.png"), *("--curves", "own.svg"), *("--out", "kept")]
    words = (WHITE, BLACK, f"{FAMILY}/fast", "pixels-white")
    shared = (
        "--source",
        "shown",
        "--public",
        "shown",
        "--n",
        "2",
        "--iterations",
        "2",
        "--defence",
        f"{DEFENCE}:share=1",
        "--metrics",
        "psnr",
        METRIC,
    )
    assert dispatch(["attack", *FLAGS, "--attacks", *words, *shared, *files], {}) == 0
    rows = json.loads((here / "own.json").read_text())["rows"]
    assert [(row["attack"], row["knowledge"], row["recipe"]) for row in rows] == [
        (WHITE, "white box", "strong"),
        (BLACK, "black box", "strong"),
        (FAMILY, "white box", "fast"),
        ("pixels-white", "white box", "strong"),
    ]
    assert all(math.isfinite(row["psnr_mean"]) and row[f"{METRIC}_mean"] >= 0 for row in rows)
    with Image.open(here / "own.png") as sheet:
        assert sheet.width > 4 * 192
    assert "<svg" in (here / "own.svg").read_text()
    said = "".join(capsys.readouterr().out.split())
    assert "my_own.parts:Grey" in said
    assert "2/2" in said
    assert "0/2" not in said


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--attacks", "my_own.parts:Faulty"), 2, "my_own.parts:Faulty made nothing of frames"),
        (("--attacks", "my_own.parts:Small"), 2, "Small made (1, 3, 8, 8) of frames whose pictures are (1, 3, 32, 32)"),
        (("--attacks", "my_own.parts:Knowing"), 2, "Knowing uses a prior: its class must say `uses_prior = True`"),
        (("--attacks", "my_own.parts:Endless"), 1, "an estimate's pictures have values that are not finite"),
        (("--attacks", WHITE, "--metrics", "my_own.parts:SQUARES"), 2, "SQUARES: expected one value of 1 picture"),
    ],
)
def test_what_it_makes_wrong_is_said(capsys, flags, code, message):
    assert dispatch(["attack", *FLAGS, "--source", "shown", "--n", "1", *flags], {}) == code
    assert message in capsys.readouterr().err


def test_pictures_of_its_earlier_version_are_not_taken_for_its_own(here):
    flags = ("--source", "shown", "--n", "1", "--attacks", WHITE, "--defence", DEFENCE, "--out", "kept")

    def kept() -> int:
        assert dispatch(["attack", *FLAGS, *flags], {}) == 0
        return len(list((here / "kept").rglob("*.png")))

    assert (kept(), kept()) == (1, 1)
    (here / "my_own" / "parts.py").write_text(MODULE + "# another\n")
    assert kept() == 2


def test_a_benchmark_goes_on_with_what_failed_and_is_mended(here, capsys):
    flags = ("--targets", f"{TARGET}@stem", "--only", "leak", "--source", "shown", "--public", "shown", "--out", "run")
    command = ["bench", *flags, "--attacks", "my_own.parts:Faulty", "--rerun", "failed", "--metrics", "psnr"]
    assert dispatch(command, {}) == 1
    mended = MODULE.replace("yield from ()", "yield from super().reconstruct(frames)")
    (here / "my_own" / "parts.py").write_text(mended)
    assert dispatch(command, {}) == 0
    (here / "my_own" / "parts.py").write_text(mended + "# another\n")
    assert dispatch(command, {}) == 2
    assert "source of my_own.parts:Faulty" in capsys.readouterr().err


def test_a_benchmark_measures_it_and_reports(measured):
    found = open_results(measured / "run")
    assert {(leak.attack, leak.design.defence, len(leak.scores["ssim"])) for leak in found.leaks} == {
        (PICTURE, "none", 100),
        (WHITE, DEFENCE, 2),
        (f"{FAMILY}/fast", DEFENCE, 3),
    }
    assert all(len(leak.scores[METRIC]) == len(leak.scores["ssim"]) for leak in found.leaks)
    assert found.provenance[f"attack {FAMILY}/fast"] == "3 pictures × 2 iterations, 3 at once"
    assert dispatch(["bench-report", "run"], {}) == 0
    (short,), (whole,) = (measured.joinpath("run").rglob(f"report.{kind}") for kind in ("md", "html"))
    assert "my\\_own.parts:Grey" in short.read_text()
    assert "Darkness" in whole.read_text()


def test_a_benchmark_says_which_metrics_came_too_late(measured, capsys):
    assert dispatch(BENCH, {}) == 0
    assert "not scored" not in capsys.readouterr().out
    assert dispatch([*BENCH, "l2", "mdsi"], {}) == 0
    said = "".join(capsys.readouterr().out.split())
    assert "cellsofanearlierstartwerenotscoredbyl2,mdsi;" in said


def test_a_benchmark_refuses_figures_of_its_earlier_version(measured, here, capsys):
    (here / "my_own" / "parts.py").write_text(MODULE + "# another\n")
    assert dispatch(BENCH, {}) == 2
    assert "they do not compare" in capsys.readouterr().err
    for key in (f"defence {DEFENCE}", f"source of {FAMILY}/fast", f"source of {METRIC}"):
        assert key in open_results(measured / "run").provenance


def test_one_setting_of_it_is_varied(here):
    shared = ("--source", "shown", "--n", "1", "--over", "iterations", "--values", "1", "2", "--json", "own.json")
    assert dispatch(["ablation", *FLAGS, "--attack", f"{FAMILY}/fast", "--defence", DEFENCE, *shared], {}) == 0
    assert [row["iterations"] for row in json.loads((here / "own.json").read_text())["rows"]] == [1, 2]


def test_a_benchmark_plans_it_by_its_own_cost(capsys):
    def hours(attack: str) -> str:
        flags = ("--targets", f"{TARGET}@stem", "--only", "leak", "--defences", DEFENCE, "--attacks", attack)
        assert dispatch(["bench", *flags, "--dry-run"], {}) == 0
        return capsys.readouterr().out

    assert "10 min" in hours(FAMILY)  # 3 pictures of 2 iterations, each of 100 s
    assert "10 min" not in hours(WHITE)


def test_a_demo_that_is_checked_names_it(capsys):
    flags = (*FLAGS, "--size", "32", "--source", "shown", "--public", "shown", "--defence", DEFENCE)
    assert (
        dispatch(
            ["check", *flags, "--attacks", WHITE, LADDER, f"{FAMILY}/fast", "--scores", METRIC, "--out", "run"], {}
        )
        == 0
    )
    said = "".join(capsys.readouterr().out.split())
    assert f"{WHITE}/strong,{LADDER}/strong,{FAMILY}/fast" in said
    assert "scoresbyPSNR,SSIM,Darknessinto" in said


def test_the_adversary_foresees_it_and_the_monitor_expects_its_names():
    words = (WHITE, BLACK, f"{FAMILY}/fast", LADDER)
    asked = parsed("adversary", [*FLAGS, "--public", "shown", "--attacks", *words], {})
    assert isinstance(asked, AdversarySettings)
    assert f"{FAMILY}/fast" in forecast(replace(asked, tap_token="x" * 16)).summary
    names = [chosen.name for chosen in choose_all(words, DEFAULT_RECIPE, ONLINE)]
    assert names == list(MonitorSettings(attacks=words).names)
    assert names[2] == "my-own-parts-family-fast"
    assert all(ATTACK.fullmatch(name) for name in names)


def test_it_runs_on_frames_as_they_come(settings, victim):  # noqa: F811
    words = (WHITE, BLACK, LADDER)
    own = replace(settings, attacks=words, public="shown")
    cloud, monitor = Tapped(), Monitor()
    target, partition = victim
    oracle = Oracle(replace(white_box(partition.head), normalise=target.preprocess.normalise))
    with ExitStack() as stack:
        stack.enter_context(
            serving(cloud.serve(port(own.cloud)), oracle.serve(port(own.oracle)), monitor.serve(port(own.referee)))
        )
        stack.enter_context(running(own))
        wait_until(lambda: cloud.subscribers)
        cloud.publish(seen(victim, "edge-0"))
        wait_until(lambda: len(monitor.got) == 4)
        text = page(own)
        cloud.end()
    assert {(one.attack, one.rung, one.knowledge) for one in monitor.got} == {
        ("my-own-parts-grey", "", "white box"),
        ("my-own-parts-mean", "", "black box"),
        ("my-own-parts-ladder", "first", "white box"),
        ("my-own-parts-ladder", "second", "white box"),
    }
    assert 'keyhole_attack_iterations_total{attack="my-own-parts-grey",rung=""} 3.0' in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("my_own.parts:Nothing",), "cannot load the attack 'my_own.parts:Nothing' as package.module:Name"),
        (("my_own.nowhere:Grey",), "No module named 'my_own.nowhere'"),
        (
            ("my_own.parts:Unsaid",),
            "an AttackEntry, or a class whose `knowledge` is 'white box' or 'black box'",
        ),
        (("my_own.parts:Costly",), "`cost` must be a Cost, not 3"),
        (("my_own.parts:Lavish",), "`budgets` has keys other than quick, standard, paper"),
        (("my_own.parts:Unable",), "has no `reconstruct`"),
        ((f"{WHITE}/fast",), "unknown recipe 'fast': my_own.parts:Grey has strong"),
        ((WHITE, f"{WHITE}/strong"), "--attacks names my_own.parts:Grey/strong twice"),
        ((LADDER,), "works on frames as they come, and not on pictures offline"),
        (
            ("diffusion-ladder",),
            "not on pictures offline: its rungs diffusion-black and diffusion-white/refined do",
        ),
        (("pixels-whit",), "did you mean pixels-white"),
    ],
)
def test_what_is_no_attack_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        choose_all(words, DEFAULT_RECIPE, ATTACKS)


def test_two_that_would_be_called_the_same_are_refused(here):
    (here / "my_own_parts.py").write_text(MODULE)
    with pytest.raises(UsageError, match="both would be called my-own-parts-grey; rename one"):
        choose_all((WHITE, "my_own_parts:Grey"), DEFAULT_RECIPE, ATTACKS)


def test_a_long_name_is_shortened_and_stays_its_own(here):
    name = "a" * 80
    (here / f"{name}.py").write_text(MODULE)
    names = {choose(f"{name}:{one}", DEFAULT_RECIPE, ATTACKS).name for one in ("Grey", "Mean")}
    assert len(names) == 2
    assert all(ATTACK.fullmatch(one) for one in names)


def test_a_metric_scores_by_its_own_name():
    (metric,) = metrics_named((METRIC,))
    light, dark = torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)
    assert (metric.name, metric.function(dark, light).tolist()) == (METRIC, [1.0, 1.0])


def test_a_target_is_defended_by_a_method_of_its_own_and_split(here):
    data = class_folders(here / "data")
    flags = ("--target", "tests.train.patrol_making:target", "--cut", "layer1", "--data", str(data))
    how = ("--method", f"{METHOD}:weight=2", "--epochs", "1", "--batch", "16", "--steps", "1", "--out", "defended")
    assert dispatch(["train", "defence", *flags, *how], {}) == 0
    assert load_target("defended:defended").defence == METHOD
    split = ("--target", "defended:defended", "--cut", "layer1", "--attack", WHITE)
    shared = ("--source", "shown", "--n", "1", "--over", "iterations", "--values", "1", "--json", "own.json")
    assert dispatch(["ablation", *split, *shared], {}) == 0
    assert json.loads((here / "own.json").read_text())["defence"] == METHOD
