"""What CONTRIBUTING.md shows runs as it stands, and what it names is there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from keyhole.cli import dispatch
from keyhole.targets.stored_weights import read_card
from tests.train.patrol_making import class_folders

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
(MODULE,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(COMMANDS,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NAMED = {name for name in re.findall(r"`([\w/.]+)`", PAGE) if "/" in name}


def test_its_commands_run_on_its_module(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MODULE)
    class_folders(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    for command in COMMANDS.splitlines():
        program, *arguments = shlex.split(command, comments=True)
        assert program == "keyhole"
        assert dispatch(arguments, {}) == 0, command + capsys.readouterr().err
        said = capsys.readouterr().out
        assert "mine:Grey" not in command or "mine:Grey" in "".join(said.split()), said
    assert read_card(tmp_path / "quiet").recipe["method"] == "mine:Quiet"


@pytest.mark.parametrize("name", sorted(NAMED))
def test_what_it_names_is_there(name):
    assert (ROOT / name).exists()
