"""One run of all processes, from their start to the tables of what leaked."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import grpc
from rich.console import Console
from rich.table import Column, Table

from keyhole.demo.settings import DemoSettings, LiveSettings
from keyhole.demo.supervisor import Supervisor
from keyhole.demo.system import System
from keyhole.judge.legibility import SECRETS
from keyhole.judge.recovery import AttributeScore, SecretRecovery, Share
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.stages import stage
from keyhole.service.files import RUN, alone, clear
from keyhole.service.launcher import DRAIN_SECONDS, Launcher, ProcessError, StoppedError
from keyhole.service.lifecycle import OK, Stop, signals
from keyhole.service.signals import interrupt_main_thread
from keyhole.targets.catalogue import protection
from keyhole.terminal import terminal
from keyhole.wire.client import connect

ORDER = ("edge", "adversary", "oracle", "cloud", "monitor")
"""In which all are stopped: nobody loses the one that it calls."""
REPORT_SECONDS = 3600.0
SUMMARY = "summary.json"
Follow = Callable[[Launcher, Supervisor, grpc.Channel], None]


class Run:
    """All processes of one machine, until they are done or the run is told to stop; a second signal ends it at once.

    Args:
        settings: what runs.
        frames: that the edge sends; 0: it goes on.
        revived: names of those that are started again if they die.

    Attributes:
        stop: set by Ctrl-C and SIGTERM.
        deaths: names of those that died, as often as they did.
        failures: what else went wrong, in words that have been printed.
        reported: whether the monitor left its report.
    """

    def __init__(self, settings: DemoSettings | LiveSettings, frames: int, revived: Collection[str]) -> None:
        self.console = terminal()
        self.stop = Stop()
        self.deaths: list[str] = []
        self.failures: list[str] = []
        self.reported = False
        self._settings = settings
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
            f"defence {protection(settings.target, settings.defence)}, link {settings.link}{slower}; "
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
        print_summary(self.console, json.loads((out / SUMMARY).read_text()), self._settings.scores)
        for name in ("contact-sheet.png", "report.html"):
            self.console.print(f"{name:18} {out / name}")


_READ = "What the judge read right, guessing in brackets"
_LEAKED = "What leaked: true thumbnails of this size score the same"


def print_summary(console: Console, summary: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
    """Print attacks × secrets where a judge read some, attacks × thumbnails and scores, and latency × stages.

    Args:
        console: where to.
        summary: the monitor's ``summary.json``.
        scores: metrics that are shown besides PSNR and SSIM.
    """
    dropped = summary["dropped"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
    why = f" ({reasons}; logs/edge.log says more)" if reasons else ""
    console.print(
        f"\n{summary['frames_sent']} frames sent, {summary['frames_answered']} answered, "
        f"{sum(dropped.values())} dropped{why}, {summary['frames_scored']} attacked and scored\n"
    )
    metrics = sorted(metrics_named((*DEFAULT, *scores)), key=lambda metric: metric.name != HEADLINE)
    read = {name: _shares(row["secrets"]) for name, row in summary["attacks"].items() if row.get("secrets")}
    asked = [secret for secret in SECRETS if any(secret in shares for shares in read.values())]
    if asked:
        secrets = Table(Column("attack", overflow="fold"), *asked, title=_READ, title_justify="left")
        for name, shares in read.items():
            secrets.add_row(_words(name), *(_share(shares.get(secret)) for secret in asked))
        console.print(secrets)
    labels = (metric.label for metric in metrics)
    first = Column("attack", overflow="fold")
    attacks = Table(first, "frames", "thumbnail", *labels, title=_LEAKED, title_justify="left")
    for name, row in summary["attacks"].items():
        means = (_number(row.get(f"{metric.name}_mean"), metric.brief) for metric in metrics)
        attacks.add_row(_words(name), str(row["n"]), str(row.get("thumbnail", "–")), *means)
    console.print(attacks if attacks.rows else "Nothing was reconstructed and scored; logs/adversary.log says more")
    stages = Table("stage", "p50, ms", "p95, ms", title="What it cost", title_justify="left")
    for name, row in summary["latency_ms"].items():
        stages.add_row(stage(name).title, _number(row["p50"], 1), _number(row["p95"], 1))
    if stages.rows:
        console.print(stages)


def _words(name: str) -> str:
    """An attack and its rung with a blank between them, where a narrow column breaks."""
    return name.replace(".", " ")


def _shares(found: Mapping[str, Any]) -> dict[str, Share]:
    attributes = {name: AttributeScore(**score) for name, score in found["attributes"].items()}
    return SecretRecovery(**{**found, "attributes": attributes}).shares()


def _share(found: Share | None) -> str:
    return f"{found.value:.0%} of {found.asked} ({found.guessing:.0%})" if found else "–"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
