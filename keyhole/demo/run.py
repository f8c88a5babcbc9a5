"""One run of all processes, from their start to the tables of what leaked."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial

import grpc
from rich.text import Text

from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.demo.supervisor import Supervisor
from keyhole.demo.system import System
from keyhole.service.files import RUN, alone, clear
from keyhole.service.forked import called
from keyhole.service.launcher import DRAIN_SECONDS, Launcher, ProcessError, StoppedError
from keyhole.service.lifecycle import OK, Stop, signals
from keyhole.service.signals import interrupt_main_thread
from keyhole.terminal import terminal
from keyhole.wire.channels import connect

ORDER = ("edge", "adversary", "oracle", "cloud", "monitor")
"""In which all are stopped: nobody loses the one that it calls."""
REPORT_SECONDS = 3600.0
SUMMARY = "summary.json"
Follow = Callable[[Launcher, Supervisor, grpc.Channel], None]


class Run:
    """All processes of one machine, until they are done or the run is told to stop; a second signal ends it at once.

    Args:
        settings: what runs.
        protected: what protects the features, in words.
        frames: that the edge sends; 0: it goes on.
        revived: names of those that are started again if they die.

    Attributes:
        stop: set by Ctrl-C and SIGTERM.
        deaths: names of those that died, as often as they did.
        failures: what else went wrong, in words that have been printed.
        reported: whether the monitor left its report.
    """

    def __init__(
        self, settings: DemoSettings | LiveSettings, protected: str, frames: int, revived: Collection[str]
    ) -> None:
        self.console = terminal()
        self.stop = Stop()
        self.deaths: list[str] = []
        self.failures: list[str] = []
        self.reported = False
        self._settings = settings
        self._protected = protected
        self._frames = frames
        self._revived = revived

    def perform(self, follow: Follow, *, replaces: bool = False) -> None:
        """Start all, ``follow`` to the end, stop all, and show what came of it.

        Args:
            follow: returns when the edge has ended or the run was told to stop; given the launcher, the supervisor,
                whose ``poll`` it calls all the while, and a channel to the monitor's truth port.
            replaces: whether a run that is already in the folder is removed first.

        Raises:
            UsageError: the folder holds something else than a run, or another command writes to it.
        """
        out = self._settings.out
        with (
            alone(out, RUN),
            signals(self.stop, first=lambda _: None, again=interrupt_main_thread),
            Launcher(out / "logs", self.stop) as launcher,
        ):
            if replaces:
                clear(out, RUN)
            system = System(self._settings, self._frames, launcher)
            try:
                self._start(system)
                with connect(system.places["monitor"]["truth"], tls=system.tls, role="monitor") as channel:
                    supervisor = Supervisor(system, self._revived, channel, partial(self.console.print, style="red"))
                    self.deaths = supervisor.deaths
                    follow(launcher, supervisor, channel)
            except StoppedError:
                pass
            except (ProcessError, TimeoutError) as error:
                self._fails(str(error))
            self._end(launcher)
            self._show(sent="edge" in launcher.running)

    def _start(self, system: System) -> None:
        settings = self._settings
        slower = f", an edge {settings.slowdown:g} times slower" if settings.slowdown > 1 else ""
        self.console.print(
            f"{settings.target} cut at {settings.cut}, {settings.codec}, "
            f"defence {self._protected}, link {settings.link}{slower}; "
            f"attacks: {', '.join(settings.attacks)}"
        )
        with self.console.status("starting monitor, cloud, oracle, adversary and edge"):
            system.start()

    def _fails(self, words: str) -> None:
        self.failures.append(words)
        self.console.print(words, style="red")

    def _end(self, launcher: Launcher) -> None:
        for name in (name for name in ORDER if name in launcher.running):
            report = name == "monitor"
            with self.console.status("the monitor writes the report" if report else f"stopping the {name}"):
                try:
                    launcher.end(name, REPORT_SECONDS if report else DRAIN_SECONDS)
                except ProcessError as error:
                    self._fails(str(error))
        self.reported = "monitor" in launcher.running and launcher.code("monitor") == OK

    def _show(self, *, sent: bool) -> None:
        """The summary and where the rest is; nothing where no frame can have been sent."""
        out = self._settings.out
        if not sent:
            return
        if not self.reported:
            self.console.print(f"the monitor left no report; keyhole report {out} makes it from what was stored")
            return
        summary = json.loads((out / SUMMARY).read_text())
        look = self.console.width, self.console.color_system
        self.console.print(Text.from_ansi(called("keyhole.demo.tables:tables", summary, self._settings.scores, *look)))
        for name in ("contact-sheet.png", "report.html"):
            self.console.print(f"{name:18} {out / name}")
