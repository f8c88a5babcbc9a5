"""`keyhole cuts`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from keyhole.cli import dispatch


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cuts.json"
    assert dispatch(["cuts", "resnet18", "--size", "64", "--json", str(path)], {}) == 0
    printed = capsys.readouterr().out
    document = json.loads(path.read_text())
    rows = {row["cut"]: row for row in document["cuts"]}
    assert rows["layer2.1"]["alias"] == "L8"
    assert rows["layer2.1"]["tensors"] == [{"name": "layer2.1", "shape": [1, 128, 8, 8], "dtype": "float32"}]
    assert rows["layer2.1"]["payload_bytes"] == {"fp32": 32768, "fp16": 16384, "bf16": 16384, "int8": 8192 + 512}
    assert all(cut in printed for cut in rows)
    assert "128×8×8" in printed


def test_a_size_that_is_not_square(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cuts.json"
    assert dispatch(["cuts", "resnet18", "--size", "64x32", "--json", str(path)], {}) == 0
    document = json.loads(path.read_text())
    assert document["size"] == [64, 32]
    assert [row["tensors"][0]["shape"] for row in document["cuts"] if row["cut"] == "layer2.1"] == [[1, 128, 8, 4]]
    assert "resnet18 at 64x32 px" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        dispatch(["cuts", "resnet18", "--size", "64x"], {})
    assert "256x128" in capsys.readouterr().err


def test_all_points(tmp_path: Path) -> None:
    path = tmp_path / "cuts.json"
    assert dispatch(["cuts", "resnet18", "--size", "32", "--all", "--json", str(path)], {}) == 0
    live = {row["cut"]: len(row["tensors"]) for row in json.loads(path.read_text())["cuts"]}
    assert live["layer1.0.conv1"] == 2


def test_what_could_not_be_opened_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cuts.json"
    assert dispatch(["cuts", "tests.partition.models:looking", "--size", "8", "--json", str(path)], {}) == 0
    why = "depends on the numbers in a tensor (`return y * 2 if y.sum() > 0 else y`, models.py:"
    assert f"1 is kept whole: it {why}" in " ".join(capsys.readouterr().out.split())
    assert json.loads(path.read_text())["kept_whole"]["1"].startswith(why)


def test_an_unknown_model_lists_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["cuts", "resnet19"], {}) == 2
    assert "resnet18" in capsys.readouterr().err


def test_flags_come_without_torch() -> None:
    code = (
        "import sys, keyhole, keyhole.partition.settings, keyhole.targets.settings; "
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
