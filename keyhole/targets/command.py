"""``keyhole targets``: the models that can be split."""

from __future__ import annotations

import dataclasses
import json

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.sizes import size_text
from keyhole.targets.catalogue import Catalogue
from keyhole.targets.family import ModelFacts
from keyhole.targets.settings import TargetsSettings
from keyhole.targets.target import TargetError
from keyhole.terminal import terminal


def targets(settings: TargetsSettings) -> int:
    """``keyhole targets``: print the models that can be split; return the exit code.

    Raises:
        TargetError: no name contains the filter.
    """
    listed = {name: entry.family.facts(entry.name) for name, entry in Catalogue().entries() if settings.filter in name}
    if not listed:
        raise TargetError(f"no target's name contains {settings.filter!r}")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("target", overflow="fold")
    table.add_column("px", justify="right", no_wrap=True)
    table.add_column("outputs", justify="right", no_wrap=True)
    table.add_column("weights", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for name, facts in listed.items():
        outputs = str(facts.outputs or _other_outputs(facts))
        table.add_row(name, size_text(facts.preprocess.size), outputs, facts.weights, facts.licence)
    terminal().print(
        table,
        "and package.module:factory for a model of one's own; for a CLIP's picture tower transformers:FOLDER (or a "
        "name of its hub) and, where that package is installed, open_clip:MODEL; pruned:FOLDER for what `keyhole train "
        "patrol` wrote, defended:FOLDER for `keyhole train defence`, the FOLDER of `keyhole train target`",
    )
    if settings.json:
        rows = [{"target": name, **dataclasses.asdict(facts)} for name, facts in listed.items()]
        settings.json.write_text(json.dumps({"targets": rows}, indent=2) + "\n")
    return 0


def _other_outputs(facts: ModelFacts) -> str:
    return f"boxes of {facts.detects}" if facts.detects else f"embedding {facts.embedding or ''}".rstrip()
