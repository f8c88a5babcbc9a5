"""Files of tensors."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from keyhole.nn.tensor_file import write_tensors

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=(0o022, 0o077))
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_of_tensors_has_the_mode_of_any_other_new_file(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors({"a": torch.arange(6.0).view(2, 3).T}, path, {"defence": "none"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert torch.equal(load_file(path)["a"], torch.arange(6.0).view(2, 3).T)
    with safe_open(str(path), "pt") as file:
        assert file.metadata() == {"defence": "none"}


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors({"a": torch.ones(2)}, path)
    with pytest.raises(RuntimeError, match="memory format"):
        write_tensors({"a": torch.ones(2).to_sparse()}, path)
    assert load_file(path)["a"].tolist() == [1, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_writes_tensors_in_another_way() -> None:
    direct = [
        path.relative_to(ROOT).as_posix()
        for top in ("keyhole", "edge", "cloud", "adversary", "monitor", "benchmarks")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "safetensors.torch"
        and {"save_file", "save"} & {name.name for name in node.names}
    ]
    assert direct == ["keyhole/nn/tensor_file.py"]
