"""``keyhole check``, and the forecast that a demo and a live system make before they start."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from keyhole.cli import load, parsed
from keyhole.commands import command_named
from keyhole.data import check_apart
from keyhole.demo.settings import GRACE_SECONDS, CheckSettings, DemoSettings, LiveSettings
from keyhole.demo.system import System
from keyhole.service.errors import UsageError
from keyhole.service.files import RUN, check_file, check_folder
from keyhole.service.launcher import Launcher
from keyhole.service.memory import Resident, resident
from keyhole.service.settings import Forecast
from keyhole.targets.catalogue import protection
from keyhole.terminal import terminal

_ASKED = ("edge", "adversary", "monitor")
"""Cloud and oracle get the model and the defence that the edge gets, and nothing else that could be wrong."""
_LIKE_EDGE = 2
_COPIED = 0.3
"""Of what was imported for all, a process writes to so much, and then has it to itself: a third, as measured."""
_ROUNDS = 3
"""In which a system starts: each waits for the one before (`System.start`)."""


@dataclass(frozen=True)
class SystemForecast:
    """What a system would do.

    Attributes:
        processes: those that were asked, by name.
        seconds: that asking took: importing and loading what the processes import and load.
        memory: bytes of all processes once they have loaded; None where the system does not say.
    """

    processes: Mapping[str, Forecast]
    seconds: float
    memory: int | None


def forecast_system(settings: DemoSettings | LiveSettings) -> SystemForecast:
    """Ask each process what it would do with the command line that it would get.

    Raises:
        UsageError: what a process would refuse.
        SystemExit: a flag holds what it cannot; the explanation is printed.
    """
    frames = 0
    if isinstance(settings, DemoSettings):
        frames = settings.frames
        if frames < 1:
            raise UsageError(f"--frames {frames}: expected 1 or more (keyhole live runs until it is interrupted)")
        check_file("--json", settings.json)
    check_apart(settings.source, settings.public)
    check_folder(settings.out, RUN, replaced=isinstance(settings, DemoSettings))
    system = System(settings, frames, Launcher(settings.out / "logs"))
    started = time.perf_counter()
    ask = {name: load(command_named(name).forecast) for name in _ASKED}
    held = [resident()]
    found: dict[str, Forecast] = {}
    for name in _ASKED:
        found[name] = ask[name](parsed(name, system.arguments(name), os.environ))
        held.append(resident())
    return SystemForecast(found, time.perf_counter() - started, _memory(held, beside=int(bool(settings.recall))))


def protection_looked_up(settings: DemoSettings | LiveSettings) -> str:
    """What protects the features of a system, in words, once all that its flags name was looked up.

    Raises:
        UsageError: see `forecast_system`.
        SystemExit: see there.
    """
    forecast_system(settings)
    return protection(settings.target, settings.defence)


def _memory(held: Sequence[Resident | None], *, beside: int) -> int | None:
    """Memory of all processes, from what this one held at first and after each forecast.

    Args:
        held: by this process.
        beside: processes that the adversary starts.
    """
    known = [each for each in held if each]
    if len(known) < len(held):
        return None
    first, edge, last = known[0], known[1], known[-1]
    copies = _COPIED * (len(_ASKED) + _LIKE_EDGE + beside)
    return round((1 + copies) * first.own) + _LIKE_EDGE * (edge.own - first.own) + (last.own - first.own) + last.shared


def check(settings: CheckSettings) -> int:
    """Print what would run, how long and in how much memory.

    Raises:
        UsageError: see `forecast_system`.
    """
    console = terminal()
    with console.status("looking up what the flags name"):
        forecast = forecast_system(settings)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for name, process in forecast.processes.items():
        table.add_row(name, process.summary)
    table.add_row("time", _duration(settings, forecast))
    table.add_row("memory", _amount(forecast.memory, bool(settings.recall)))
    console.print(table)
    return 0


def _duration(settings: DemoSettings, forecast: SystemForecast) -> str:
    edge = forecast.processes["edge"].seconds
    pause = max(1 / settings.fps if settings.fps else 0.0, edge)
    start, frames = _ROUNDS * forecast.seconds, settings.frames * pause
    slow = ", which is as fast as the edge computes" if settings.fps and pause == edge else ""
    return (
        f"about {_time(start + frames + GRACE_SECONDS)}: {_time(start)} to start, {_time(frames)} for "
        f"{settings.frames} frames{slow}, {GRACE_SECONDS:.0f} s for the attacks to finish"
    )


def _amount(memory: int | None, recalling: bool) -> str:
    count = "six" if recalling else "five"
    processes = f"{count} processes and the one that starts them; attacks that learn take more as they go"
    return f"about {memory / 1e9:.1f} GB: {processes}" if memory else "unknown: this system does not say"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
