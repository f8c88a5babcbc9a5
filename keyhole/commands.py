"""Every ``keyhole`` command by name: its flags and its function, one line each.

A package adds commands of its own by an entry point of the group ``keyhole.commands`` that names a mapping such as
those below; the four processes do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType


@dataclass(frozen=True)
class Command:
    """A subcommand, loaded when it is called so that ``--help`` stays quick.

    Attributes:
        settings: ``module:dataclass`` of its flags.
        function: ``module:function`` that takes them and returns an exit code.
        summary: one line for the overview.
        forecast: ``module:function`` of a process that takes them, looks up all that they name and returns a
            `Forecast`; empty where others look up the same.
    """

    settings: str
    function: str
    summary: str
    forecast: str = ""


_GROUP = "keyhole.commands"
_RUNS = {
    "demo": Command(
        "keyhole.demo.settings:DemoSettings",
        "keyhole.demo.command:demo",
        "Run all processes for a while, attack the frames, leave scores, pictures and a report",
    ),
    "live": Command(
        "keyhole.demo.settings:LiveSettings",
        "keyhole.demo.command:live",
        "Run all processes until interrupted and show the attack on a page",
    ),
    "check": Command(
        "keyhole.demo.settings:CheckSettings",
        "keyhole.demo.check:check",
        "Say what a demo with these flags would run, and the time and memory it would take",
    ),
}
_TOOLS = {
    "attack": Command(
        "keyhole.evaluation.settings:AttackSettings",
        "keyhole.evaluation.command:attack",
        "Attack pictures offline and print the scores",
    ),
    "ablation": Command(
        "keyhole.evaluation.settings:AblationSettings",
        "keyhole.evaluation.ablation:ablation",
        "Attack at several values of one setting",
    ),
    "bench": Command(
        "keyhole.bench.settings:BenchSettings",
        "keyhole.bench.command:bench",
        "Measure latency, leak and accuracy for every way to split, as a run that can be stopped",
    ),
    "recommend": Command(
        "keyhole.bench.settings:RecommendSettings",
        "keyhole.bench.advice.command:recommend",
        "Where to cut: the fastest design of a benchmark's run that satisfies every constraint",
    ),
    "bench-report": Command(
        "keyhole.bench.settings:BenchReportSettings",
        "keyhole.bench.report.command:bench_report",
        "Write a benchmark's report: HTML, and Markdown with plots",
    ),
    "targets": Command(
        "keyhole.targets.settings:TargetsSettings", "keyhole.targets.command:targets", "List the models to split"
    ),
    "cuts": Command(
        "keyhole.partition.settings:CutsSettings", "keyhole.partition.command:cuts", "Profile every cut of a model"
    ),
    "train target": Command(
        "keyhole.train.settings:TrainSettings",
        "keyhole.train.command:train",
        "Train a target: classes or identities",
    ),
    "train judge": Command(
        "keyhole.train.judge.settings:JudgeSettings",
        "keyhole.train.judge.command:judge",
        "Train the judge that reads secrets from reconstructions",
    ),
    "train prior": Command(
        "keyhole.train.prior.settings:PriorSettings",
        "keyhole.train.prior.command:prior",
        "Train an attacker's prior: an autoencoder and a diffusion model on its latents",
    ),
    "train patrol": Command(
        "keyhole.train.defences.patrol.settings:PatrolSettings",
        "keyhole.train.defences.patrol.command:patrol",
        "Defend a target by PATROL: prune its head for privacy",
    ),
    "train defence": Command(
        "keyhole.train.defences.settings:DefenceSettings",
        "keyhole.train.defences.command:defence",
        "Defend a target by NoPeek, APP, DISCO, Shredder, noise-aware training, skipping",
    ),
    "data streetcam": Command(
        "keyhole.data.settings:StreetcamSettings",
        "keyhole.data.command:streetcam",
        "Draw a contact sheet of the embedded world",
    ),
    "data sets": Command(
        "keyhole.data.settings:SetsSettings",
        "keyhole.data.command:sets",
        "List the data sets that can be opened from where their owners leave them",
    ),
    "certs": Command(
        "keyhole.wire.commands:CertsSettings", "keyhole.wire.commands:certs", "Make a CA and certificates"
    ),
    "token": Command(
        "keyhole.wire.commands:TokenSettings", "keyhole.wire.commands:token", "Make a secret for the tap or the page"
    ),
    "health": Command(
        "keyhole.wire.commands:HealthSettings", "keyhole.wire.commands:health", "Ask whether a process is well"
    ),
}


@cache
def commands() -> Mapping[str, Command]:
    """Every command by name: Keyhole's own, and those that installed packages add."""
    points = sorted(entry_points(group=_GROUP), key=lambda point: point.name)
    added = {name: command for point in points for name, command in point.load().items()}
    return MappingProxyType({**_RUNS, **added, **_TOOLS})
