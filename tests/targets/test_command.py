"""`keyhole targets`."""

import json
from pathlib import Path

import pytest

from keyhole.cli import dispatch
from keyhole.sizes import height_width


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "targets.json"
    assert dispatch(["targets", "--filter", "resnet18", "--json", str(path)], {}) == 0
    rows = {row["target"]: row for row in json.loads(path.read_text())["targets"]}
    assert rows["resnet18"]["preprocess"]["size"] == 224
    assert rows["resnet18"]["outputs"] == 1000
    assert rows["timm:resnet18"]["licence"] == "apache-2.0"
    assert all("resnet18" in name for name in rows)
    assert "timm:resnet18" in capsys.readouterr().out


def test_every_target_is_described(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    assert dispatch(["targets", "--json", str(path)], {}) == 0
    rows = json.loads(path.read_text())["targets"]
    assert len(rows) > 1000
    sizes = {row["target"]: row["preprocess"]["size"] for row in rows}
    assert sizes["timm:vit_base_patch16_sapiens2"] == [1024, 768]
    assert all(min(height_width(size)) > 0 for size in sizes.values())
    assert all(row["licence"] for row in rows)


def test_a_filter_that_matches_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["targets", "--filter", "no-such-model"], {}) == 2
    assert "no-such-model" in capsys.readouterr().err
