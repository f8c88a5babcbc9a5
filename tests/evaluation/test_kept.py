"""What a run makes once for all of its attacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from keyhole.evaluation.kept import Shelf
from keyhole.nn import tensor_file


def test_two_runs_that_keep_the_same_at_the_same_time_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, other, facts = Shelf(tmp_path / "out"), Shelf(tmp_path / "out"), {"size": 8}
    save, write = tensor_file.save_file, Path.write_text

    def save_between(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None) -> None:
        save(tensors, path, metadata)
        monkeypatch.setattr(tensor_file, "save_file", save)
        other.keep_tensors("blind", facts, tensors)

    def write_between(path: Path, text: str) -> int:
        written = write(path, text)
        monkeypatch.setattr(Path, "write_text", write)
        other.keep_text("scale", facts, text)
        return written

    monkeypatch.setattr(tensor_file, "save_file", save_between)
    shelf.keep_tensors("blind", facts, {"flat": torch.ones(2)})
    monkeypatch.setattr(Path, "write_text", write_between)
    shelf.keep_text("scale", facts, "told")
    assert shelf.tensors("blind", facts)["flat"].tolist() == [1, 1]
    assert shelf.text("scale", facts) == "told"
    assert not list((tmp_path / "out").rglob("*.part"))
