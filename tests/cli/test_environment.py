"""What the environment says reaches a command's settings as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyhole.cli import is_positional, load, parsed
from keyhole.commands import commands
from keyhole.service.errors import UsageError

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(lambda text: text != "None")
WORDS = st.lists(st.text("abYZ09é/:=.,[]@", min_size=1), max_size=4).map(tuple)
PATHS = WORDS.map(lambda words: tuple(map(Path, words)))

CHECKED = {"pool"}
"""Flags whose words the settings themselves know."""


def strategy(hint: Any) -> st.SearchStrategy[Any] | None:
    """Values of a flag of that type that are written as text; None for types that tyro reads in its own way."""
    if hint is str or str in get_args(hint):
        return WORDS if get_origin(hint) is tuple else TEXTS
    if hint is Path or Path in get_args(hint):
        return PATHS if get_origin(hint) is tuple else TEXTS.map(Path)
    return None


def texts(kind: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(kind, include_extras=True)
    fields = (field.name for field in dataclasses.fields(kind) if field.name not in CHECKED)
    found = {name: strategy(hints[name]) for name in fields}
    return {name: values for name, values in found.items() if values is not None}


def written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("name", [name for name in commands() if texts(load(commands()[name].settings))])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_value_arrives_as_it_is(name, data):
    kind = load(commands()[name].settings)
    hints = get_type_hints(kind, include_extras=True)
    positional = {field for field, hint in hints.items() if is_positional(hint)}
    values = {field: data.draw(values, label=field) for field, values in texts(kind).items() if field not in positional}
    prefix = f"KEYHOLE_{name}_".upper().replace(" ", "_").replace("-", "_")
    environment = {prefix + field.upper(): written(value) for field, value in values.items()}
    found = parsed(name, ["positional"] * len(positional), environment)
    assert {field: getattr(found, field) for field in values} == values


@settings(deadline=None)
@given(token=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
@example(token="-dA3x_")
@example(token="--help")
@example(token="true")
@example(token="[red]:factory:")
def test_a_token_opens_the_tap_whatever_it_starts_with(token):
    for name in ("cloud", "adversary"):
        assert parsed(name, [], {f"KEYHOLE_{name.upper()}_TAP_TOKEN": token}).tap_token == token


def test_the_command_line_goes_before_the_environment():
    assert parsed("cloud", ["--max-batch", "5"], {"KEYHOLE_CLOUD_MAX_BATCH": "3"}).max_batch == 5
    assert parsed("adversary", ["--attacks", "a"], {"KEYHOLE_ADVERSARY_ATTACKS": "b c"}).attacks == ("a",)


def test_a_value_that_is_read_in_a_way_of_its_own_arrives_too():
    assert parsed("cloud", [], {"KEYHOLE_CLOUD_SIZE": "256x128"}).size == (256, 128)
    assert parsed("cuts", ["resnet18"], {"KEYHOLE_CUTS_SIZE": "64"}).size == 64


def test_a_switch_takes_true_or_false():
    assert parsed("edge", [], {"KEYHOLE_EDGE_HEAD_ONLY": "TRUE"}).head_only
    assert not parsed("edge", [], {"KEYHOLE_EDGE_HEAD_ONLY": "false"}).head_only
    with pytest.raises(UsageError, match="KEYHOLE_EDGE_HEAD_ONLY=1: expected true or false"):
        parsed("edge", [], {"KEYHOLE_EDGE_HEAD_ONLY": "1"})


def test_a_token_is_never_on_the_command_line_but_in_a_file_that_goes_before_the_environment(tmp_path, capsys):
    """Whoever lists the processes sees their arguments."""
    (file := tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "empty").touch()
    for name in ("cloud", "adversary"):
        found = parsed(name, ["--tap-token", str(file)], {f"KEYHOLE_{name.upper()}_TAP_TOKEN": "other"})
        assert found.tap_token == "s3cret"
        assert "s3cret" not in repr(found)
        for wrong, reason in (("s3cret", "expected a file that holds the secret"), (tmp_path / "empty", "no secret")):
            with pytest.raises(SystemExit) as stopped:
                parsed(name, ["--tap-token", str(wrong)], {})
            assert stopped.value.code == 2
            assert reason in " ".join(capsys.readouterr().err.replace("│", " ").split())
