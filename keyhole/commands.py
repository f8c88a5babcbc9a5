"""Every ``keyhole`` command by name: its flags and its function, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
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
        "edge": Command(
            "edge.settings:EdgeSettings",
            "edge.process:run",
            "Run the head on pictures and send the frames",
            "edge.preparation:forecast",
        ),
        "cloud": Command("cloud.settings:CloudSettings", "cloud.process:run", "Finish the inference; serve the tap"),
        "oracle": Command("edge.settings:OracleSettings", "edge.oracle:run", "Answer the adversary's queries"),
        "adversary": Command(
            "adversary.settings:AdversarySettings",
            "adversary.process:run",
            "Tap frames and reconstruct the pictures",
            "adversary.forecast:forecast",
        ),
        "monitor": Command(
            "monitor.settings:MonitorSettings",
            "monitor.process:run",
            "Score reconstructions against the truth, show them",
            "monitor.forecast:forecast",
        ),
        "attack": Command(
            "adversary.settings:AttackSettings",
            "adversary.command:attack",
            "Attack pictures offline and print the scores",
        ),
        "ablation": Command(
            "adversary.settings:AblationSettings",
            "adversary.ablation:ablation",
            "Attack at several values of one setting",
        ),
        "bench": Command(
            "bench.settings:BenchSettings",
            "bench.command:bench",
            "Measure latency, leak and accuracy for every way to split, as a run that can be stopped",
        ),
        "report": Command(
            "monitor.settings:ReportSettings", "monitor.command:report", "Write a stored run's report again"
        ),
        "recommend": Command(
            "bench.advice.settings:RecommendSettings",
            "bench.advice.command:recommend",
            "Where to cut: the fastest design of a benchmark's run that satisfies every constraint",
        ),
        "bench-report": Command(
            "bench.report.settings:BenchReportSettings",
            "bench.report.command:bench_report",
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
            "keyhole.train.patrol.settings:PatrolSettings",
            "keyhole.train.patrol.command:patrol",
            "Defend a target by PATROL: prune its head for privacy",
        ),
        "train defence": Command(
            "keyhole.train.defence.settings:DefenceSettings",
            "keyhole.train.defence.command:defence",
            "Defend a target by NoPeek, APP, DISCO, Shredder, noise-aware training, skipping",
        ),
        "data streetcam": Command(
            "keyhole.data.streetcam.settings:StreetcamSettings",
            "keyhole.data.streetcam.command:streetcam",
            "Draw a contact sheet of the embedded world",
        ),
        "data sets": Command(
            "keyhole.data.sets.settings:SetsSettings",
            "keyhole.data.sets.command:sets",
            "List the data sets that can be opened from where their owners leave them",
        ),
        "certs": Command(
            "keyhole.wire.command:CertsSettings", "keyhole.wire.command:certs", "Make a CA and certificates"
        ),
        "token": Command(
            "keyhole.wire.command:TokenSettings", "keyhole.wire.command:token", "Make a secret for the tap or the page"
        ),
        "health": Command(
            "keyhole.wire.health:HealthSettings", "keyhole.wire.health:health", "Ask whether a process is well"
        ),
    }
)
