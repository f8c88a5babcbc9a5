"""What is known of every target by name, as a document of JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from keyhole.targets.catalogue import Catalogue


def facts_table() -> dict[str, Any]:
    """`ModelFacts` of every model of the catalogue, in its order."""
    rows = [
        {"target": name, **dataclasses.asdict(entry.family.facts(entry.name))} for name, entry in Catalogue().entries()
    ]
    return {"targets": rows}
