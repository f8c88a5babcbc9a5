"""``keyhole demo`` and ``keyhole live``."""

from __future__ import annotations

import shutil

import grpc
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from keyhole.demo.check import GRACE_SECONDS, foresee
from keyhole.demo.run import ORDER, SUMMARY, Run
from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.demo.supervisor import Supervisor
from keyhole.demo.watch import Progress, watch
from keyhole.service.launcher import Launcher
from keyhole.service.lifecycle import FAILED, INTERRUPTED, OK
from keyhole.terminal import described


def demo(settings: DemoSettings) -> int:
    """Run the system for ``settings.frames`` frames and print what leaked."""
    run = Run(settings, settings.frames, revived=("adversary", "oracle", "cloud"))
    with run.console.status("looking up what the flags name"):
        foresee(settings)

    def until_all_are_answered(launcher: Launcher, supervisor: Supervisor, channel: grpc.Channel) -> None:
        progress = Progress()
        columns = BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeElapsedColumn(), described()
        with Bars(*columns, console=run.console) as bars:
            unwatch = watch(channel, progress)
            task = bars.add_task("", total=settings.frames)
            while not launcher.done("edge") and not run.stop.wait(0.2):
                supervisor.look()
                bars.update(task, completed=progress.finished, description=str(progress))
            supervisor.look()
            bars.update(task, completed=progress.finished, description="the attacks finish what they hold")
            run.stop.wait(GRACE_SECONDS)
            unwatch()

    run.perform(until_all_are_answered, replaces=True)
    if settings.json and run.reported:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings.out / SUMMARY, settings.json)
    return FAILED if run.failures or run.deaths else INTERRUPTED if run.stop.is_set() else OK


def live(settings: LiveSettings) -> int:
    """Run the system until interrupted; what dies meanwhile is started again."""
    run = Run(settings, 0, revived=ORDER)
    with run.console.status("looking up what the flags name"):
        foresee(settings)

    def until_told_to_stop(launcher: Launcher, supervisor: Supervisor, _channel: grpc.Channel) -> None:
        page = launcher.wait_for("monitor")["page"]
        run.console.print(f"live at http://{page}   Ctrl-C stops it", style="bold")
        while not run.stop.wait(0.5):
            supervisor.look()

    run.perform(until_told_to_stop)
    return FAILED if run.failures else OK
