"""``keyhole demo`` and ``keyhole live``."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from pathlib import Path

import grpc
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from keyhole.demo.check import GRACE_SECONDS, foresee
from keyhole.demo.launcher import Launcher, ProcessError
from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.demo.summary import print_summary
from keyhole.demo.system import System
from keyhole.demo.watch import Progress, watch
from keyhole.service.errors import UsageError
from keyhole.targets.catalogue import protection
from keyhole.terminal import described, terminal
from keyhole.wire.channel import connect


def demo(settings: DemoSettings) -> int:
    """Run the system for ``settings.frames`` frames and print what leaked."""
    console = terminal()
    with console.status("looking up what the flags name"):
        foresee(settings)
    _clear(settings.out)
    try:
        with Launcher(settings.out / "logs") as launcher:
            system = System(settings, settings.frames, launcher)
            _start(console, system)
            _follow(console, system, launcher, settings.frames)
            for name in ("adversary", "oracle", "cloud", "monitor"):
                launcher.stop(name)
    except (ProcessError, TimeoutError) as error:
        console.print(str(error), style="red")
        return 1
    summary = json.loads((settings.out / "summary.json").read_text())
    print_summary(console, summary)
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(summary, indent=2) + "\n")
    for name in ("contact-sheet.png", "report.html"):
        console.print(f"{name:18} {settings.out / name}")
    return 0


def live(settings: LiveSettings) -> int:
    """Run the system until interrupted."""
    console = terminal()
    with console.status("looking up what the flags name"):
        foresee(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Launcher(settings.out / "logs") as launcher:
            system = System(settings, 0, launcher)
            _start(console, system)
            console.print(f"live at http://{system.places['monitor']['page']}   Ctrl-C stops it", style="bold")
            while not stop.wait(0.5):
                launcher.check()
            console.print("stopping")
            for name in ("edge", "adversary", "oracle", "cloud", "monitor"):
                launcher.stop(name)
    except (ProcessError, TimeoutError) as error:
        console.print(str(error), style="red")
        return 1
    console.print(f"report: {settings.out / 'report.html'}")
    return 0


def _start(console: Console, system: System) -> None:
    settings = system.settings
    defence = protection(settings.target, settings.defence)
    console.print(
        f"{settings.target} cut at {settings.cut}, {settings.codec}, "
        f"defence {defence}, link {settings.link}, edge slowed by {settings.slowdown:g}; "
        f"attacks: {', '.join(settings.attacks)}"
    )
    with console.status("starting monitor, cloud, oracle, adversary and edge"):
        system.start()


def _follow(console: Console, system: System, launcher: Launcher, frames: int) -> None:
    progress = Progress()
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeElapsedColumn(),
        described(),
    )
    with _truth(system) as channel, Bars(*columns, console=console) as bars:
        unwatch = watch(channel, progress)
        task = bars.add_task("", total=frames)
        while not launcher.done("edge"):
            launcher.check()
            bars.update(task, completed=progress.finished, description=str(progress))
            time.sleep(0.2)
        launcher.check()
        bars.update(task, completed=progress.finished, description="the attacks finish what they hold")
        time.sleep(GRACE_SECONDS)
        unwatch()


def _truth(system: System) -> grpc.Channel:
    return connect(system.places["monitor"]["truth"], tls=system.tls, role="edge")


def _clear(out: Path) -> None:
    """Remove an earlier run, and nothing that is not one."""
    if not out.exists():
        return
    if any(out.iterdir()) and not (out / "logs").is_dir():
        raise UsageError(f"{out} is not empty and holds no earlier run; give another --out")
    shutil.rmtree(out)
