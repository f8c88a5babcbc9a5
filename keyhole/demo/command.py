"""``keyhole demo`` and ``keyhole live``, and the progress of a run as the monitor's ``Watch`` call tells it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import grpc
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from keyhole.attacks import FLOOR
from keyhole.commands import command_named
from keyhole.demo.run import ORDER, SUMMARY, Run
from keyhole.demo.settings import GRACE_SECONDS, DemoSettings, LiveSettings
from keyhole.demo.supervisor import Supervisor
from keyhole.service.forked import called, share
from keyhole.service.launcher import Launcher
from keyhole.service.lifecycle import FAILED, INTERRUPTED, OK
from keyhole.terminal import described, terminal
from keyhole.v1 import referee_pb2, referee_pb2_grpc


def demo(settings: DemoSettings) -> int:
    """Run the system for ``settings.frames`` frames and print what leaked."""
    run = Run(settings, _looked_up(settings), settings.frames, revived=("adversary", "oracle", "cloud"))

    def until_all_are_answered(launcher: Launcher, supervisor: Supervisor, channel: grpc.Channel) -> None:
        progress = RunProgress()
        columns = BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeElapsedColumn(), described()
        with Progress(*columns, console=run.console) as bars:
            unwatch = watch(channel, progress)
            task = bars.add_task("", total=settings.frames)
            while not launcher.done("edge") and not run.stop.wait(0.2):
                supervisor.poll()
                bars.update(task, completed=progress.finished, description=str(progress))
            supervisor.poll()
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
    run = Run(settings, _looked_up(settings), 0, revived=ORDER)

    def until_told_to_stop(launcher: Launcher, supervisor: Supervisor, _channel: grpc.Channel) -> None:
        page = launcher.wait_for("monitor")["page"]
        run.console.print(f"live at http://{page}   Ctrl-C stops it", style="bold")
        while not run.stop.wait(0.5):
            supervisor.poll()

    run.perform(until_told_to_stop)
    return FAILED if run.failures else OK


def _looked_up(settings: DemoSettings | LiveSettings) -> str:
    """What protects the features; all that the flags name is looked up where torch is imported, which is not here."""
    share([command_named(name).function.partition(":")[0] for name in ORDER])
    with terminal().status("looking up what the flags name"):
        protection: str = called("keyhole.demo.check:protection_looked_up", settings)
    return protection


@dataclass
class RunProgress:
    """Counts of a run so far; written by one thread, read by another.

    Attributes:
        sent: frames whose truth the monitor has.
        finished: frames that were answered or dropped.
        latest: attack, and its rung where it is a ladder → SSIM of its newest score.
    """

    sent: int = 0
    finished: int = 0
    latest: dict[str, float] = field(default_factory=dict)

    def count(self, event: referee_pb2.Event) -> None:
        """Take one event in."""
        kind = event.WhichOneof("event")
        if kind == "truth":
            self.sent += 1
        elif kind == "outcome":
            self.finished += 1
        elif kind == "score" and event.score.attack != FLOOR:
            self.latest[f"{event.score.attack} {event.score.rung}".rstrip()] = event.score.ssim

    def __str__(self) -> str:
        scores = "  ".join(f"{attack} SSIM {ssim:.2f}" for attack, ssim in sorted(self.latest.items()))
        return scores or "waiting for the first reconstruction"


def watch(channel: grpc.Channel, progress: RunProgress) -> Callable[[], object]:
    """Count the monitor's events into ``progress`` on a thread of its own, until the returned function is called."""
    events = referee_pb2_grpc.RefereeStub(channel).Watch(referee_pb2.WatchRequest())

    def follow() -> None:
        try:
            for event in events:
                progress.count(event)
        except grpc.RpcError:
            return

    threading.Thread(target=follow, name="watch", daemon=True).start()
    return cast("Callable[[], object]", events.cancel)
