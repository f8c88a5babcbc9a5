"""The ``keyhole`` command: arguments and environment become a command's settings, its end an exit code."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import tyro
from rich.console import Console
from rich.table import Table

from keyhole.commands import command_named, command_table, commands
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import FAILED, INTERRUPTED, OK, USAGE
from keyhole.service.logs import LEVEL_VARIABLE
from keyhole.service.secret import Secret, SecretFile
from keyhole.terminal import terminal

DEBUG = "--debug"
_HELP = frozenset({"-h", "--help"})


def main() -> None:
    """Entry point of the console script.

    The interpreter is left without its teardown, which takes torch seconds and fails while threads still compute.
    """
    arguments = [argument for argument in sys.argv[1:] if argument != DEBUG]
    if len(arguments) < len(sys.argv) - 1:
        os.environ[LEVEL_VARIABLE] = "DEBUG"
    code = dispatch(arguments, os.environ)
    logging.shutdown()
    _flushed()
    sys.stderr.flush()
    os._exit(code)


def dispatch(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad arguments, 130 interrupted."""
    groups = {name.partition(" ")[0] for name in commands() if " " in name}
    words = 2 if arguments and arguments[0] in groups else 1
    name, rest = " ".join(arguments[:words]), arguments[words:]
    asked = not _HELP.isdisjoint(arguments[:words])
    if asked or len(arguments) < words:
        overview(terminal(), "" if words == 1 else f"{arguments[0]} ")
        return OK if asked else USAGE
    if name == "--version":
        terminal().print(f"keyhole {version('keyhole')}")
        return OK
    try:
        command_named(name)
    except UsageError as error:
        _complain(f"keyhole: {error}")
        return USAGE
    return _run(name, rest, environment)


def _run(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    settings = None
    try:
        settings = parsed(name, arguments, environment)
        return int(load(command_named(name).function)(settings))
    except KeyboardInterrupt as interruption:
        _complain(f"keyhole {name}: {interruption}" if interruption.args else f"keyhole {name}: stopped")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and not _flushed("\n"):
            return FAILED
        shortened = _is_users(error, settings)
        if not shortened or environment.get(LEVEL_VARIABLE, "").upper() == "DEBUG":
            traceback.print_exc()
        else:
            hint = f" ({DEBUG} shows where)" if error.__cause__ else ""
            _complain(f"keyhole {name}: {error}{hint}")
        return USAGE if shortened else FAILED


def parsed(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Any:
    """The settings of a command. What the environment says comes first, so that flags on the command line win.

    Raises:
        UsageError: a variable of the environment holds what its flag cannot.
        SystemExit: so does an argument; the explanation is printed. Or help was asked for.
    """
    settings = load(command_named(name).settings)
    _check_single(settings, arguments)
    flags = from_environment(name, settings, environment)
    made = tyro.cli(settings, prog=f"keyhole {name}", args=[*flags, *arguments])
    secrets = {
        field: Secret(environment[variable])
        for variable, field, hint in _variables(name, settings)
        if variable in environment and _is_secret(hint) and getattr(made, field) is None
    }
    return dataclasses.replace(made, **secrets) if secrets else made


def _check_single(settings: type[Any], arguments: Sequence[str]) -> None:
    """Refuse several values for a flag that takes one where its plural takes several: ``--cut`` and ``--cuts``."""
    fields = {field.name for field in dataclasses.fields(settings)}
    for flag in (f"--{name}" for name in fields if f"{name}s" in fields):
        if flag in arguments:
            values = tuple(takewhile(lambda word: not word.startswith("-"), arguments[arguments.index(flag) + 1 :]))
            if len(values) > 1:
                raise UsageError(f"{flag} takes one value; for several give {flag}s {' '.join(values)}")


def from_environment(name: str, settings: type[Any], environment: Mapping[str, str]) -> list[str]:
    """Flags for the fields that ``KEYHOLE_<NAME>_<FIELD>`` sets, with the values as they are; secrets left out."""
    return [
        flag
        for variable, field, hint in _variables(name, settings)
        if variable in environment and not _is_secret(hint)
        for flag in _flags(variable, field, hint, environment[variable])
    ]


def _variables(name: str, settings: type[Any]) -> Iterator[tuple[str, str, Any]]:
    """Variable of the environment, field and type of each flag."""
    hints = get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        if not is_positional(hints[field.name]):
            variable = f"KEYHOLE_{name}_{field.name}".upper().translate(_UNDERSCORES)
            yield variable, field.name, hints[field.name]


def is_positional(hint: Any) -> bool:
    """Whether a field of that type is an argument, not a flag."""
    return not set(get_args(tyro.conf.Positional[str])[1:]).isdisjoint(getattr(hint, "__metadata__", ()))


def _is_secret(hint: Any) -> bool:
    return SecretFile in get_args(hint)


_UNDERSCORES = str.maketrans(" -", "__")


def _flags(variable: str, field: str, hint: Any, value: str) -> list[str]:
    flag = field.replace("_", "-")
    if hint is bool:
        if value.lower() not in ("true", "false"):
            raise UsageError(f"{variable}={value}: expected true or false")
        return [f"--{flag}" if value.lower() == "true" else f"--no-{flag}"]
    if get_origin(hint) is tuple:
        first, *others = value.split() or [""]
        return [f"--{flag}={first}" if first else f"--{flag}", *others]
    return [f"--{flag}={value}"]


def overview(console: Console, prefix: str = "") -> None:
    """Print the commands that start with ``prefix``, each with its summary."""
    console.print(f"keyhole {prefix}COMMAND [--help] …", style="bold")
    console.print("Collaborative split inference, and what it leaks.\n")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for name, command in commands().items():
        if name.startswith(prefix):
            table.add_row(f"  {name}", command.summary)
    console.print(table)
    console.print(
        "\nEvery flag of a service can also be set by an environment variable: --max-batch of the cloud is "
        f"KEYHOLE_CLOUD_MAX_BATCH. {DEBUG}, anywhere, logs everything and shows where errors come from. "
        "Start with keyhole demo.",
    )
    for fault in command_table().faults:
        _complain(fault)


def load(name: str) -> Any:
    """What ``module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _is_users(error: Exception, settings: object) -> bool:
    """Whether an error comes from what the user gave: it is printed in one line. All others keep their traceback."""
    return isinstance(error, UsageError) or (isinstance(error, OSError) and _concerns(error, settings))


def _concerns(error: OSError, settings: object) -> bool:
    """Whether a file that could not be opened is one that the settings name, lies in it or holds it."""
    if settings is None or not isinstance(error.filename, str | Path):
        return False
    file = Path(error.filename).absolute()
    values = [value for value in vars(settings).values() if isinstance(value, str | Path) and value]
    named = [Path(value).expanduser().absolute() for value in values]
    return any(file.is_relative_to(path) or path.is_relative_to(file) for path in named)


def _flushed(end: str = "") -> bool:
    """Print what is left to print; False if nobody reads it any more, as in ``keyhole targets | head``."""
    try:
        print(end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _complain(text: str) -> None:
    terminal(stderr=True).print(text, style="red", soft_wrap=True)


if __name__ == "__main__":
    main()
