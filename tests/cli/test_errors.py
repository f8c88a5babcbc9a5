"""What a failed command prints: a user's fault in one line, every other with its traceback."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import keyhole
from keyhole.cli import dispatch

BROKEN = """
def factory():
    raise ValueError("zip() argument 2 is shorter than argument 1")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_users_own_code_that_fails_shows_where(here, capsys):
    (here / "own_broken.py").write_text(BROKEN)
    assert dispatch(["cuts", "own_broken:factory"], {}) == 1
    said = capsys.readouterr().err
    assert 'own_broken.py", line 3, in factory' in said
    assert said.endswith("ValueError: zip() argument 2 is shorter than argument 1\n")


def test_a_wrong_value_is_one_line(capsys):
    assert dispatch(["cuts", "resnet19"], {}) == 2
    assert capsys.readouterr().err.startswith("keyhole cuts: unknown target 'resnet19'")


def test_where_a_wrong_value_was_found_is_shown_on_demand(capsys):
    assert dispatch(["cuts", "resnet19"], {"KEYHOLE_LOG_LEVEL": "debug"}) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_hint_tells_how_to_see_more(capsys):
    assert dispatch(["cuts", "no_such_module:factory"], {}) == 2
    said = capsys.readouterr().err
    assert "No module named 'no_such_module'" in said
    assert said.endswith("(--debug shows where)\n")


def test_a_file_that_was_named_is_the_users_and_one_that_was_not_is_ours(here, capsys):
    assert dispatch(["report", "missing", "--database", "sqlite:///here.sqlite"], {}) in (1, 2)
    capsys.readouterr()
    assert dispatch(["targets", "--filter", "streetcam", "--json", "no/such/folder.json"], {}) == 2
    assert "no/such/folder.json" in capsys.readouterr().err
    (here / "own_reader.py").write_text("def factory():\n    open('/no/such/weights')\n")
    assert dispatch(["cuts", "own_reader:factory"], {}) == 1
    assert "own_reader.py" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mymodels:nofactory", "[red]x[/red]", "[/]", ":factory:"])
def test_what_a_user_typed_is_printed_as_it_is(name, capsys):
    assert dispatch(["cuts", name], {}) == 2
    assert name in capsys.readouterr().err
    assert dispatch([name], {}) == 2
    assert name in capsys.readouterr().err


def test_every_terminal_takes_text_as_it_is():
    """rich reads `[…]` and `:…:` in what is printed unless a console or a column is told not to."""
    root = Path(keyhole.__file__).parents[1]
    modules = [
        file
        for part in ("keyhole", "edge", "cloud", "adversary", "monitor", "benchmarks")
        for file in (root / part).rglob("*.py")
    ]
    makers = {}
    for file in modules:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Console", "TextColumn"):
                plain = any(word.arg == "markup" and not word.value.value for word in node.keywords)
                fixed = bool(node.args) and "{" not in node.args[0].value
                makers[f"{file.relative_to(root)}:{node.lineno}"] = plain or fixed
    assert makers
    assert [place for place, safe in makers.items() if not safe] == []
