from __future__ import annotations

import pytest

from keyhole.bench.resolving import resolve
from keyhole.bench.settings import PlanSettings
from keyhole.service.errors import UsageError
from tests.data.layouts import draw

TINY = "tests.system.tiny_target:tiny"


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
        ({"points": 0}, "--points 0"),
        ({"targets": (TINY, "resnet18-tinyimagenet"), "weights": "x.safetensors"}, "expected one"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_measured(flags, message):
    with pytest.raises(UsageError, match=message):
        resolve(PlanSettings(**{"targets": (f"{TINY}@block",), **flags}))


@pytest.mark.parametrize("flag", ["source", "public", "classes"])
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
