import subprocess
import sys
from importlib.metadata import version

import pytest

from keyhole.cli import dispatch, load
from keyhole.commands import commands


def test_help_lists_every_command(capsys):
    assert dispatch(["--help"], {}) == 0
    printed = capsys.readouterr().out
    for name in ("demo", "live", "edge", "cloud", "adversary", "oracle", "monitor", "targets", "cuts", "train"):
        assert f"\n  {name} " in printed


def test_no_command_is_a_mistake(capsys):
    assert dispatch([], {}) == 2
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "code"), [(["train", "--help"], 0), (["train"], 2)])
def test_a_group_of_commands_lists_its_own(arguments, code, capsys):
    assert dispatch(arguments, {}) == code
    printed = capsys.readouterr().out
    assert "train target" in printed
    assert "\n  demo" not in printed


def test_the_version_is_said(capsys):
    assert dispatch(["--version"], {}) == 0
    assert capsys.readouterr().out == f"keyhole {version('keyhole')}\n"


def test_an_unknown_command_names_the_nearest(capsys):
    assert dispatch(["advesary"], {}) == 2
    assert "did you mean adversary" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_that_explains_each_flag(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        dispatch([*name.split(), "--help"], {})
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert f"keyhole {name}" in printed
    assert callable(load(commands()[name].function))


@pytest.mark.parametrize("name", sorted(commands()))
def test_an_unknown_flag_is_a_mistake(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        dispatch([*name.split(), "--no-such-flag"], {})
    assert stopped.value.code == 2
    assert f"keyhole {name} --help" in capsys.readouterr().err


def test_help_is_quick_to_import():
    script = "import sys; from keyhole.cli import dispatch; dispatch(['--help'], {}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "keyhole", "--help"], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "\n  demo " in done.stdout


def test_several_values_for_one_are_told_where_they_go(capsys):
    assert dispatch(["attack", "--cut", "layer2", "layer3", "--n", "1"], {}) == 2
    assert "--cut takes one value; for several give --cuts layer2 layer3" in capsys.readouterr().err
