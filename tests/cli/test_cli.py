import subprocess
import sys

import pytest

from keyhole.cli import COMMANDS, _load, dispatch


def test_help_lists_every_command(capsys):
    assert dispatch(["--help"], {}) == 0
    printed = capsys.readouterr().out
    for name in ("demo", "live", "edge", "cloud", "adversary", "oracle", "monitor", "targets", "cuts", "train"):
        assert f"\n  {name} " in printed


def test_no_command_is_a_mistake(capsys):
    assert dispatch([], {}) == 2
    assert "COMMAND" in capsys.readouterr().out


def test_a_group_of_commands_lists_its_own(capsys):
    assert dispatch(["train", "--help"], {}) == 0
    printed = capsys.readouterr().out
    assert "train target" in printed
    assert "\n  demo" not in printed


def test_an_unknown_command_names_the_nearest(capsys):
    assert dispatch(["advesary"], {}) == 2
    assert "did you mean adversary" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_explains_each_flag(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        dispatch([*name.split(), "--help"], {})
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert f"keyhole {name}" in printed
    assert callable(_load(COMMANDS[name].function))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_unknown_flag_is_a_mistake(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        dispatch([*name.split(), "--no-such-flag"], {})
    assert stopped.value.code == 2
    assert f"keyhole {name} --help" in capsys.readouterr().err


def test_the_environment_sets_a_services_flags_and_the_command_line_wins(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "keyhole.cli._load", lambda name, load=_load: seen.append if "process:run" in name else load(name)
    )
    environment = {"KEYHOLE_CLOUD_MAX_BATCH": "3", "KEYHOLE_CLOUD_TAP_TOKEN": "a b"}
    with pytest.raises(TypeError):
        dispatch(["cloud"], environment)
    with pytest.raises(TypeError):
        dispatch(["cloud", "--max-batch", "5"], environment)
    assert [settings.max_batch for settings in seen] == [3, 5]
    assert seen[0].tap_token == "a b"


def test_help_is_quick_to_import():
    script = "import sys, keyhole.cli; keyhole.cli.overview(keyhole.cli.Console()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
