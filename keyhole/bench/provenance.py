"""Provenance of a run: what was run, on what machine, with what."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from keyhole.attacks.entry import Spend
from keyhole.bench.axes import Axes
from keyhole.bench.plan import SweepPlan
from keyhole.bench.records import LatencyRecord
from keyhole.bench.settings import CellKind
from keyhole.defences import defence_hash
from keyhole.extensions import extension_hash
from keyhole.priors.prior import prior_hash
from keyhole.sizes import size_text

LIBRARIES = ("keyhole", "torch", "torchvision", "timm", "grpcio", "numpy")


SOURCE, DEFENCE = "source of ", "defence "
"""Begin the names of facts about files: of an attack or a metric of a user's own, and of a defence."""
PRIVATE = "private"
"""Name of the fact of what classifiers were trained on."""
TRAINING = "training set"
"""Name of the fact of how attacks on classes are run."""
DECIDES: Mapping[str, tuple[CellKind, ...]] = MappingProxyType(
    {PRIVATE: ("accuracy", "training-set"), TRAINING: ("training-set",)}
)
"""Kinds of the cells whose figures a fact decides, by its name; others decide all."""


def facts() -> dict[str, str]:
    """The command, the machine and the versions; they may change from start to start."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return {
        "command": shlex.join(["keyhole", *sys.argv[1:]]),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
    }


def fixed(plan: SweepPlan) -> dict[str, str]:
    """What decides the figures: figures of runs that differ in it do not compare."""
    settings, defences = plan.settings, plan.axes.defences
    of_classes = plan.class_attacks.values()
    with_prior = any(attack.entry.uses_prior for attack in plan.attacks.values())
    with_prior |= any(attack.recipe.uses_prior for attack in of_classes)
    return {
        "terms": _settings_text({field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}),
        "scale": _settings_text(dataclasses.asdict(settings.scale)),
        **{f"attack {word}": _budget(attack.spend(settings.preset)) for word, attack in plan.attacks.items()},
        **{
            f"model {name}": f"{model.target.hash}, {size_text(model.target.preprocess.size)} px"
            for name, model in plan.models.items()
        },
        **{f"{DEFENCE}{spec}": mechanism for spec in defences if (mechanism := defence_hash(spec))},
        **{f"{SOURCE}{word}": source for word, attack in plan.attacks.items() if (source := attack.source_hash)},
        **{f"class attack {attack.word}": f"{attack.recipe.iterations} steps" for attack in of_classes},
        **{f"{SOURCE}{attack.word}": attack.source_hash for attack in of_classes if attack.source_hash},
        **{f"{SOURCE}{metric}": extension_hash(metric) for metric in plan.metrics if ":" in metric},
        **({"files of the prior": prior_hash(settings.prior)} if with_prior else {}),
        **({TRAINING: _settings_text(dataclasses.asdict(plan.inversion))} if plan.inversion else {}),
        **({PRIVATE: _settings_text(dataclasses.asdict(plan.private))} if plan.private else {}),
    }


def with_budgets(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says of itself, its attacks' budgets one by one; older runs have them all as ``suite``.

    >>> with_budgets({"suite": "pixels-white 4 pictures × 150 iterations, 4 at once; pixels-black 16 pictures × 150"})
    {'attack pixels-white': '4 pictures × 150 iterations, 4 at once', 'attack pixels-black': '16 pictures × 150'}
    """
    parts = [part.partition(" ") for part in facts.get("suite", "").split("; ") if part]
    rest = {key: value for key, value in facts.items() if key != "suite"}
    return {**{f"attack {name}": budget for name, _, budget in parts}, **rest}


def _budget(spend: Spend) -> str:
    queries = f", {spend.queries} queries" if spend.queries else ""
    return f"{spend.n} pictures × {spend.iterations} iterations{queries}, {spend.batch} at once"


def load_facts(latencies: Iterable[LatencyRecord]) -> dict[str, str]:
    """What else the machine did while latencies were taken; nothing where no run has said so.

    >>> from keyhole.bench.records import Design, MachineLoad, Percentiles
    >>> taken = LatencyRecord(Design("toy", "a"), "lte", {}, Percentiles(1, 2, 3), 30, 9.0, load=MachineLoad(1.4, 2))
    >>> load_facts([taken])["load"]
    '1.4 of 2 cores busy with other work at most while latencies were taken; 1 of 1 taken under load, and so too long'
    """
    loads = [record.load for record in latencies if record.load]
    if not loads:
        return {}
    heavy = sum(load.heavy for load in loads)
    most = f"{max(loads, key=lambda load: load.busy).text} at most while latencies were taken"
    return {"load": most + (f"; {heavy} of {len(loads)} taken under load, and so too long" if heavy else "")}


def plan_facts(axes: Axes) -> dict[str, str]:
    """The plan in words."""
    return {
        "targets": "; ".join(f"{target.name} at {', '.join(target.cuts)}" for target in axes.targets),
        "defences": ", ".join(axes.defences),
        "codecs": ", ".join(axes.codecs),
        "links": ", ".join(axes.links),
        "attacks": ", ".join(axes.attacks),
        "seeds": ", ".join(map(str, axes.seeds)),
        **(
            {"training sets": f"{', '.join(axes.class_attacks)} on {', '.join(axes.class_targets)}"}
            if axes.class_attacks
            else {}
        ),
    }


def source_of(facts: Mapping[str, str]) -> str | None:
    """The source of the pictures that a run attacks; None where it does not say.

    >>> source_of({"terms": "preset quick, source streetcam, public photos"}), source_of({})
    ('streetcam', None)
    """
    said = (term.partition(" ") for term in facts.get("terms", "").split(", "))
    return next((value for name, _, value in said if name == "source"), None)


def picture_size_of(facts: Mapping[str, str], target: str) -> str | None:
    """The size of the pictures that a target was measured on, in words; None where the run does not say.

    >>> picture_size_of({"model resnet18": "0123456789abcdef, 256x128 px"}, "resnet18")
    '256x128 px'
    """
    return facts.get(f"model {target}", "").rpartition(", ")[2] or None


def _settings_text(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value not in ("", None, ())
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
