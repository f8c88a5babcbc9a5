from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keyhole.bench.plan import merged, read_plan, resolve
from keyhole.bench.settings import BenchSettings, PlanSettings
from keyhole.service.errors import UsageError
from tests.data.layouts import draw

TINY = "tests.system.tiny_target:tiny"


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.yaml"
    path.write_text(text)
    return path


def test_a_file_says_what_flags_can_say(tmp_path):
    path = written(tmp_path, 'preset: standard\ntargets: ["a@b,c"]\nlinks: [wifi, 5g]\nseeds: 3\nsize: 64\n')
    assert read_plan(path) == PlanSettings(
        preset="standard", targets=("a@b,c",), links=("wifi", "5g"), seeds=(3,), size=64
    )


def test_flags_go_before_the_file(tmp_path):
    file = read_plan(written(tmp_path, "links: [wifi]\ncodecs: [int8]\nseeds: [1]\n"))
    flags = BenchSettings(links=("lte",), seeds=(0,))
    assert merged(flags, file) == PlanSettings(links=("lte",), codecs=("int8",), seeds=(0,))


def test_a_share_may_be_written_as_a_whole_number_or_with_a_point(tmp_path):
    assert read_plan(written(tmp_path, "held_back: 0.4\n")).held_back == 0.4
    assert read_plan(written(tmp_path, "held_back: 1\n")).held_back == 1.0


def test_a_size_is_a_side_or_height_and_width(tmp_path):
    assert read_plan(written(tmp_path, "size: 64x32\n")).size == (64, 32)
    assert read_plan(written(tmp_path, "size: 64x64\n")).size == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("link: [wifi]", "did you mean links"),
        ("workers: 2", "unknown key 'workers'"),
        ("preset: quik", "did you mean quick"),
        ("links: [no]", "in quotes"),
        ("seeds: [one]", "a whole number"),
        ("held_back: most", "a number"),
        ("size: true", "height and width (256x128)"),
        ("- wifi", "expected keys with values"),
        ("links: [wifi", "is no YAML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path, text, message):
    with pytest.raises(UsageError, match=r"plan\.yaml") as caught:
        read_plan(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_plan(tmp_path / "plan.yaml")


def test_every_name_gets_its_canonical_spelling_once():
    found = resolve(
        PlanSettings(
            targets=(f"{TINY}@stem,block,block",), defences=("dropout:share=.50", "dropout:share=0.5"), codecs=("int8",)
        )
    )
    assert [(target.name, target.cuts) for target in found.axes.targets] == [(TINY, ("stem", "block"))]
    assert found.axes.defences == ("dropout:share=0.5",)


def test_without_cuts_they_are_spread_over_the_blocks():
    found = resolve(PlanSettings(targets=("resnet18-tinyimagenet",), points=4))
    assert found.axes.targets[0].cuts == ("layer1.0", "layer2.0", "layer3.0", "layer4.0")
    few = resolve(PlanSettings(targets=(TINY,), points=9)).axes.targets[0].cuts
    assert len(few) == len(set(few)) <= 9


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"targets": ("resnet81",)}, "resnet18"),
        ({"targets": (f"{TINY}@blok",)}, "block"),
        ({"codecs": ("fp33",)}, "fp32"),
        ({"links": ("wify",)}, "wifi"),
        ({"links": ("wify@8x",)}, "wifi"),
        ({"links": ("wifi@8",)}, "wifi"),
        ({"links": ("wifi@0.5x",)}, "--links wifi@0.5x: expected an edge that is slower"),
        ({"defences": ("dropuot:share=0.5",)}, "dropout"),
        ({"attacks": ("pixels-grey",)}, "pixels"),
        ({"attacks": ("decoder-white",), "prior": "streetcan"}, "--prior streetcan: no such prior"),
        ({"metrics": ("pnsr",)}, "unknown metric 'pnsr': did you mean psnr"),
        ({"metrics": ("dss",), "size": 24}, "pictures of 24 pixels cannot be scored: DSS compares 32 pixels"),
        ({"points": 0}, "--points 0"),
        ({"targets": (TINY, "resnet18-tinyimagenet"), "weights": "x.safetensors"}, "expected one"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_measured(flags, message):
    with pytest.raises(UsageError, match=message):
        resolve(PlanSettings(**{"targets": (f"{TINY}@block",), **flags}))


@pytest.mark.parametrize("flag", ["source", "public", "classes", "private"])
def test_pictures_that_are_not_there(flag):
    with pytest.raises(FileNotFoundError, match="no/such/folder"):
        resolve(PlanSettings(targets=(TINY,), **{flag: "no/such/folder"}))


def test_identities_that_are_not_there_or_too_few(tmp_path):
    with pytest.raises(FileNotFoundError, match="no/such/folder"):
        resolve(PlanSettings(targets=("resnet18-streetcam@layer2",), identities="no/such/folder"))
    draw(tmp_path, [f"{who}/{n}.png" for who in "abc" for n in range(3)])
    with pytest.raises(UsageError, match="at least 2 must be held out"):
        resolve(PlanSettings(targets=("resnet18-streetcam@layer2",), identities=str(tmp_path)))
    assert resolve(PlanSettings(targets=(TINY,), identities="no/such/folder"))


def test_pictures_that_are_attacked_and_learned_from(tmp_path):
    draw(tmp_path, [f"{who}/{n}.png" for who in "abc" for n in range(3)])
    with pytest.raises(UsageError, match=r"1 pictures of --source .* are among those of --public"):
        resolve(PlanSettings(targets=(TINY,), source=str(tmp_path), public=str(tmp_path / "a")))


@pytest.mark.parametrize("command", ["bench", "bench-report", "recommend"])
def test_help_is_quick_to_import(command):
    script = f"""
import sys
from keyhole.cli import dispatch
try:
    dispatch(["{command}", "--help"], {{}})
except SystemExit:
    sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
