"""Every ``keyhole`` command by name: its flags and its function, one line each.

A package adds commands of its own by an entry point of the group ``keyhole.commands`` that names a mapping such as
those below, of names to `Command`; the four processes do. In its ``pyproject.toml``::

    [project.entry-points."keyhole.commands"]
    mytool = "mypackage.commands:COMMANDS"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from keyhole.service.errors import UsageError


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
    "invert": Command(
        "keyhole.evaluation.classes.settings:InvertSettings",
        "keyhole.evaluation.classes.command:invert",
        "Picture the classes that a classifier was trained on, and say whom the pictures show",
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
    "export": Command(
        "keyhole.export.settings:ExportSettings",
        "keyhole.export.command:export",
        "Write the head or the tail of a model as files that run without Keyhole: .pt2 and ONNX",
    ),
    "train target": Command(
        "keyhole.train.settings:TrainSettings",
        "keyhole.train.command:train",
        "Train a target: for classes, identities, boxes or captions",
    ),
    "layers": Command(
        "keyhole.evaluation.layers.settings:LayersSettings",
        "keyhole.evaluation.layers.command:layers",
        "What each layer of a classifier matters to: its task, or the inversion of its training pictures",
    ),
    "trial": Command(
        "keyhole.train.settings:TrialSettings",
        "keyhole.train.trial:trial",
        "How well a target does its task on what it was not trained on: identities, boxes or texts",
    ),
    "train judge": Command(
        "keyhole.train.judge.settings:JudgeSettings",
        "keyhole.train.judge.command:judge",
        "Train the judge that reads secrets from reconstructions",
    ),
    "legibility": Command(
        "keyhole.judge.settings:LegibilitySettings",
        "keyhole.judge.command:legibility",
        "Measure from which thumbnails on a judge reads secrets; alarms start there",
    ),
    "train prior": Command(
        "keyhole.train.prior.settings:PriorSettings",
        "keyhole.train.prior.kinds:train_prior",
        "Train an attacker's prior: an autoencoder and a diffusion model, or a generator of classes",
    ),
    "train attacker": Command(
        "keyhole.train.attacker.settings:AttackerSettings",
        "keyhole.train.attacker.command:attacker",
        "Train a black box before it meets a frame; live, demo and attack find it again",
    ),
    "train patrol": Command(
        "keyhole.train.defences.patrol.settings:PatrolSettings",
        "keyhole.train.defences.patrol.command:patrol",
        "Defend a target by PATROL: prune its head for privacy",
    ),
    "train defence": Command(
        "keyhole.train.defences.settings:DefenceSettings",
        "keyhole.train.defences.command:defence",
        "Defend what crosses a cut (NoPeek, APP, DISCO, …), or whom a classifier learned from (TL-DMI, BiDO, MID)",
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


@dataclass(frozen=True)
class CommandTable:
    """All commands.

    Attributes:
        commands: by name: Keyhole's own, then those that installed packages add.
        faults: why a package's commands are missing, a sentence for each; the others do without them.
    """

    commands: Mapping[str, Command]
    faults: tuple[str, ...]


@cache
def command_table() -> CommandTable:
    """The commands that this installation has. A package whose table cannot be loaded takes no other's away."""
    found, faults = {**_RUNS}, []
    for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name):
        try:
            found |= _added(point, {**found, **_TOOLS})
        except Exception as error:
            package = point.dist.name if point.dist else "an unknown package"
            faults.append(
                f"{package} adds the commands {point.name!r} ({point.value}), which cannot be loaded: "
                f"{type(error).__name__}: {error}"
            )
    return CommandTable(MappingProxyType({**found, **_TOOLS}), tuple(faults))


def _added(point: EntryPoint, known: Mapping[str, Command]) -> dict[str, Command]:
    """The commands of one entry point.

    Raises:
        TypeError: it names something else than a mapping of commands.
        ValueError: one of its names is taken. What the package raises while it is imported stays as it is.
    """
    table = point.load()
    if not isinstance(table, Mapping) or not all(isinstance(command, Command) for command in table.values()):
        raise TypeError("expected a mapping of names to keyhole.commands.Command")
    if taken := sorted(known.keys() & table.keys()):
        raise ValueError(f"there is a command {taken[0]!r} already")
    return dict(table)


def commands() -> Mapping[str, Command]:
    """Every command by name."""
    return command_table().commands


def command_named(name: str) -> Command:
    """One command.

    Raises:
        UsageError: there is none of that name; the message gives the nearest, and what could not be loaded.
    """
    known = commands()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    missing = "".join(f"\n{fault}" for fault in command_table().faults)
    raise UsageError(f"no command {name!r}{hint} (keyhole --help lists them){missing}")
