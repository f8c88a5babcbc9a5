"""Secrets in files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from keyhole.cli import dispatch
from keyhole.service.secret import make_secret, read_secret


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "token"
    assert dispatch(["token", str(file)], {}) == 0
    first = read_secret(file)
    assert len(first) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert dispatch(["token", str(file)], {}) == 0
    assert read_secret(file) == first
    assert make_secret(tmp_path / "other")
    assert read_secret(tmp_path / "other") != first


@pytest.mark.parametrize("content", ["", "\n"])
def test_what_holds_no_secret_is_not_overwritten(tmp_path: Path, content: str, capsys) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    assert dispatch(["token", str(file)], {}) == 2
    assert file.read_text() == content
    assert "holds no secret" in capsys.readouterr().err
