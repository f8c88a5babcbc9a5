from __future__ import annotations

from pathlib import Path

import pytest

from keyhole.bench.planfile import merged, read_plan
from keyhole.bench.settings import BenchSettings, PlanSettings
from keyhole.service.errors import UsageError


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
