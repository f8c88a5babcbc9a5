"""What `keyhole cuts` and `keyhole targets` print is remembered, and a second call loads no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from keyhole import remembered
from keyhole.cli import dispatch

TERMS = {"model": "narrow:resnet18-16", "size": [32, 16]}
FOLDER = remembered._folder
"""As commands have it; fixtures of all tests give it another."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, object]]:
    """What a function was asked that a module of these tests has, ``keyhole_answers:answer``."""
    calls: list[dict[str, object]] = []

    def answer(**terms: object) -> dict[str, object]:
        calls.append(terms)
        if terms.get("model") == "none":
            raise ValueError("no such model")
        return {"number": len(calls), "pair": (1, 2)}

    monkeypatch.setitem(sys.modules, "keyhole_answers", SimpleNamespace(answer=answer))  # type: ignore[arg-type]
    monkeypatch.setattr(remembered, "_folder", lambda: tmp_path / "kept")
    return calls


def remember(**terms: object) -> dict[str, object]:
    return remembered.remembered("keyhole_answers:answer", terms)


def test_an_answer_is_asked_for_once(asked: list[dict[str, object]]) -> None:
    first = remember(**TERMS)
    assert first == {"number": 1, "pair": [1, 2]}
    assert remember(**TERMS) == first
    assert asked == [TERMS]


def test_other_terms_files_or_versions_are_asked_about_again_and_no_file_is_left_behind(
    asked: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    remember(**TERMS)
    remember(**TERMS, every=True)
    assert len(asked) == 2
    monkeypatch.setattr(remembered, "_files", lambda: iter([("targets/catalogue.py", 1, 1)]))
    remember(**TERMS)
    assert len(asked) == 3
    monkeypatch.setattr(remembered, "version", lambda name: f"{name} 1.0")
    for _ in range(2):
        assert remember(**TERMS)["number"] == 4
    assert len(asked) == 4
    assert len([*(tmp_path / "kept").iterdir()]) == 2, "one for each question"


def test_an_error_is_not_remembered(asked: list[dict[str, object]]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no such model"):
            remember(model="none")
    assert len(asked) == 2


def test_a_file_that_was_spoilt_is_asked_again(asked: list[dict[str, object]], tmp_path: Path) -> None:
    remember(**TERMS)
    (file,) = (tmp_path / "kept").iterdir()
    for number, spoilt in enumerate(("{", "[]", "{}", '"text"'), 2):
        file.write_text(spoilt)
        remember(**TERMS)
        assert len(asked) == number
    assert json.loads(file.read_text())["answer"]["number"] == 5


def test_a_place_that_cannot_be_written_does_no_harm(asked: list[dict[str, object]], tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert remember(**TERMS) == {"number": 1, "pair": [1, 2]}
    assert remember(**TERMS)["number"] == 2


def test_a_user_without_a_home_is_answered_too(asked: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(remembered, "_folder", FOLDER)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert remember(**TERMS)["number"] == 1
    assert remember(**TERMS)["number"] == 2


@pytest.mark.parametrize("words", ["cuts narrow:resnet18-16 --size 32x16", "targets --filter streetcam"])
def test_a_second_call_prints_the_same_without_torch(words: str, tmp_path: Path) -> None:
    code = (
        "import sys; from keyhole.cli import dispatch; assert dispatch(sys.argv[1:], {}) == 0; "
        "loaded = {'torch', 'torchvision', 'timm', 'numpy'} & set(sys.modules); print(sorted(loaded), file=sys.stderr)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    calls = [
        subprocess.run(
            [sys.executable, "-c", code, *words.split()], check=True, capture_output=True, text=True, env=environment
        )
        for _ in range(2)
    ]
    assert calls[0].stdout == calls[1].stdout
    assert "'torch'" in calls[0].stderr.splitlines()[-1]
    assert calls[1].stderr.splitlines()[-1] == "[]"


def test_a_model_of_ones_own_is_asked_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remembered, "_folder", lambda: tmp_path / "kept")
    assert dispatch(["cuts", "tests.partition.models:looking", "--size", "8"], {}) == 0
    assert not (tmp_path / "kept").exists()
