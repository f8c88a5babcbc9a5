"""Commands of other packages: added by an entry point, and no harm where one is broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keyhole.cli import dispatch
from keyhole.commands import Command, command_named, command_table, commands
from keyhole.service.errors import UsageError

GREETING = """
from dataclasses import dataclass

from keyhole.commands import Command

@dataclass(frozen=True)
class GreetSettings:
    '''Greet somebody.'''

    name: str = "you"
    '''Who is greeted.'''

def greet(settings):
    print(f"hello {settings.name}")
    return 0

COMMANDS = {"greet": Command("greeting:GreetSettings", "greeting:greet", "Greet somebody")}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Put a package of one module, with its entry point, where installed packages are found."""

    def put(module: str, source: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"my_{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: my-{module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[keyhole.commands]\n{module} = {module}:COMMANDS\n")
        command_table.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    yield put
    command_table.cache_clear()
    for module in ("greeting", "broken"):
        sys.modules.pop(module, None)


def test_an_entry_point_adds_a_command(install, capsys):
    install("greeting", GREETING)
    assert dispatch(["greet", "--name", "Ada"], {}) == 0
    assert capsys.readouterr().out == "hello Ada\n"
    assert dispatch(["greet"], {"KEYHOLE_GREET_NAME": "Bob"}) == 0
    assert capsys.readouterr().out == "hello Bob\n"
    assert dispatch(["--help"], {}) == 0
    assert "greet  " in capsys.readouterr().out
    assert dispatch(["gret"], {}) == 2
    assert "did you mean greet?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("", "AttributeError"),
        ("COMMANDS = ['greet']", "TypeError: expected a mapping of names to keyhole.commands.Command"),
        ("COMMANDS = {'greet': 'greeting:greet'}", "TypeError: expected a mapping"),
        (GREETING.replace('"greet":', '"demo":'), "ValueError: there is a command 'demo' already"),
        (GREETING.replace('"greet":', '"attack":'), "ValueError: there is a command 'attack' already"),
    ],
)
def test_a_broken_package_is_named_and_the_others_go_on(source, reason, install, capsys):
    own = dict(commands())
    install("broken", source)
    install("greeting", GREETING)
    assert dispatch(["--help"], {}) == 0
    said = capsys.readouterr()
    assert "greet  " in said.out
    assert "my-broken adds the commands 'broken' (broken:COMMANDS), which cannot be loaded" in said.err
    assert reason in said.err
    assert dispatch(["broken-command"], {}) == 2
    assert "my-broken" in capsys.readouterr().err
    assert dispatch(["greet"], {}) == 0
    assert capsys.readouterr() == ("hello you\n", "")
    assert {name: commands()[name] for name in own} == own


def test_two_packages_cannot_have_one_command(install, capsys):
    install("broken", GREETING.replace("greeting:", "broken:"))
    install("greeting", GREETING)
    assert dispatch(["greet"], {}) == 0
    (fault,) = command_table().faults
    assert fault.startswith("my-greeting adds the commands 'greeting'")


def test_the_four_processes_are_added_like_any_other():
    assert {"edge", "oracle", "cloud", "adversary", "monitor", "report"} <= set(commands())
    assert command_table().faults == ()
    assert isinstance(command_named("edge"), Command)
    with pytest.raises(UsageError, match="did you mean monitor"):
        command_named("montor")


def test_nobody_need_read_all_that_is_printed():
    command = f"{sys.executable} -m keyhole edge --help | true; echo ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
        assert done.stderr == ""
        assert done.stdout in ("0\n", "1\n")
