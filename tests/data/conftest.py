"""Generated data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.layouts import BUILD


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(name: str) -> str:
        BUILD[name](tmp_path, monkeypatch)
        return f"{name}:{tmp_path}"

    return make
