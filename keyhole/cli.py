"""The ``keyhole`` command."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Command:
    """A subcommand, loaded when it is called so that ``--help`` stays quick.

    Attributes:
        settings: ``module:dataclass`` of its flags.
        function: ``module:function`` that takes them and returns an exit code.
        summary: one line for the overview.
    """

    settings: str
    function: str
    summary: str


COMMANDS: Mapping[str, Command] = {
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
    "edge": Command("edge.settings:EdgeSettings", "edge.process:run", "Run the head on pictures and send the frames"),
    "cloud": Command("cloud.settings:CloudSettings", "cloud.process:run", "Finish the inference; serve the tap"),
    "oracle": Command("edge.settings:OracleSettings", "edge.oracle:run", "Answer the adversary's queries"),
    "adversary": Command(
        "adversary.settings:AdversarySettings", "adversary.process:run", "Tap frames and reconstruct the pictures"
    ),
    "monitor": Command(
        "monitor.settings:MonitorSettings", "monitor.process:run", "Score reconstructions against the truth, show them"
    ),
    "attack": Command(
        "adversary.settings:AttackSettings", "adversary.command:attack", "Attack pictures offline and print the scores"
    ),
    "ablation": Command(
        "adversary.settings:AblationSettings", "adversary.ablation:ablation", "Attack at several values of one setting"
    ),
    "bench": Command(
        "bench.settings:BenchSettings",
        "bench.command:bench",
        "Measure latency, leak and accuracy for every way to split, as a run that can be stopped",
    ),
    "report": Command("monitor.settings:ReportSettings", "monitor.command:report", "Write a stored run's report again"),
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
        "keyhole.train.settings:TrainSettings", "keyhole.train.command:train", "Train a target: classes or identities"
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
    "certs": Command("keyhole.wire.command:CertsSettings", "keyhole.wire.command:certs", "Make a CA and certificates"),
    "health": Command(
        "keyhole.wire.health:HealthSettings", "keyhole.wire.health:health", "Ask whether a process is well"
    ),
}


def main() -> None:
    """Entry point of the console script.

    The interpreter is left without its teardown, which takes torch seconds and fails while threads still compute.
    """
    code = dispatch(sys.argv[1:], os.environ)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def dispatch(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad arguments."""
    console = Console(stderr=True)
    words = 2 if arguments and any(name.startswith(f"{arguments[0]} ") for name in COMMANDS) else 1
    name, rest = " ".join(arguments[:words]), arguments[words:]
    if not arguments or {"-h", "--help"} & set(arguments[:words]):
        overview(Console(), "" if words == 1 else f"{arguments[0]} ")
        return 0 if arguments else 2
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean [bold]{near[0]}[/bold]?" if near else ""
        console.print(f"keyhole: no command {name!r}{hint} ([bold]keyhole --help[/bold] lists them)")
        return 2
    command = COMMANDS[name]
    settings_type = _load(command.settings)
    settings = tyro.cli(
        settings_type, prog=f"keyhole {name}", args=[*_from_environment(name, settings_type, environment), *rest]
    )
    try:
        return int(_load(command.function)(settings))
    except KeyboardInterrupt:
        return 130
    except (ValueError, FileNotFoundError) as error:
        console.print(f"keyhole {name}: {error}", style="red", markup=False, soft_wrap=True)
        return 2


def overview(console: Console, prefix: str = "") -> None:
    """Print the commands that start with ``prefix``, each with its summary."""
    console.print("[bold]keyhole[/bold] COMMAND [--help] …   Collaborative split inference, and what it leaks.\n")
    table = Table.grid(padding=(0, 2))
    for name, command in COMMANDS.items():
        if name.startswith(prefix):
            table.add_row(f"  [bold]{name}[/bold]", command.summary)
    console.print(table)
    console.print(
        "\nEvery flag of a service can also be set by an environment variable: --max-batch of the cloud is\n"
        "KEYHOLE_CLOUD_MAX_BATCH. Start with [bold]keyhole demo[/bold]."
    )


def _from_environment(name: str, settings: type[Any], environment: Mapping[str, str]) -> list[str]:
    """Flags for the fields that ``KEYHOLE_<NAME>_<FIELD>`` sets; flags on the command line come later and win."""
    flags: list[str] = []
    for field in dataclasses.fields(settings):
        value = environment.get(f"KEYHOLE_{name}_{field.name}".upper().replace(" ", "_"))
        if value is not None:
            flag = field.name.replace("_", "-")
            if value.lower() in ("true", "false"):
                flags.append(f"--{flag}" if value.lower() == "true" else f"--no-{flag}")
            else:
                flags += [f"--{flag}", *(value.split() if "tuple" in str(field.type) else [value])]
    return flags


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


if __name__ == "__main__":
    main()
