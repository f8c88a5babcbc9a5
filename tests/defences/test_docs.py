"""The worked example of docs/defences.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from keyhole.defences import DEFENCES, defence_named, spelled

PAGE = (Path(__file__).parents[2] / "docs" / "defences.md").read_text()


@pytest.fixture
def example(tmp_path, monkeypatch) -> str:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code
    assert code[1].count("\n") < 40
    (tmp_path / "my_shuffle.py").write_text(code[1])
    monkeypatch.syspath_prepend(tmp_path)
    return "my_shuffle:Shuffle:groups=2"


def test_the_example_is_a_defence(example):
    defence, tensor = defence_named(example), torch.randn(2, 8, 4, 4)
    (shuffled,) = defence.protect((tensor,), torch.Generator().manual_seed(1))
    assert shuffled.shape == tensor.shape
    assert not torch.equal(shuffled, tensor)
    (ours,), (theirs,) = defence.comparable((tensor,), (shuffled,))
    assert torch.equal(ours, theirs)
    assert spelled(example) == example


def test_the_page_names_every_defence():
    assert all(f"`{name}" in PAGE for name in DEFENCES if name != "none")
