"""The stages of a frame's latency, in the order in which they pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EDGE_COMPUTE, PROTECT, TOTAL = "edge_compute", "protect", "total"


@dataclass(frozen=True)
class Stage:
    """How a stage is shown.

    Attributes:
        title: what happens in it.
        colour: greens for the edge, grey for the network, violets for the cloud; legible on dark and light.
    """

    title: str
    colour: str


STAGES = {
    EDGE_COMPUTE: Stage("edge: head", "#2a9d8f"),
    PROTECT: Stage("edge: defence", "#457b78"),
    "encode": Stage("edge: encode", "#63bfb3"),
    "network": Stage("network", "#8d99ae"),
    "cloud_decode": Stage("cloud: decode", "#b39ddb"),
    "queue": Stage("cloud: queue", "#d1b3e8"),
    "cloud_compute": Stage("cloud: tail", "#7e57c2"),
    "cloud_encode": Stage("cloud: encode", "#9a7fd1"),
    "decode": Stage("edge: decode", "#9bd6cd"),
}
_POSITIONS = {name: position for position, name in enumerate((*STAGES, TOTAL))}


def in_order(names: Iterable[str]) -> list[str]:
    """Stage names as they pass; unknown ones come last, by name."""
    return sorted(names, key=lambda name: (_POSITIONS.get(name, len(_POSITIONS)), name))


def parts(names: Iterable[str]) -> list[str]:
    """The stages that make up the total, in order."""
    return [name for name in in_order(names) if name != TOTAL]


def stage(name: str) -> Stage:
    """How to show a stage; one that is not known keeps its name."""
    return STAGES.get(name, Stage(name, "#b0b4ba"))
