"""The stages of a frame's latency: their names in measurements, in the order in which they pass, and their looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keyhole.v1.inference_pb2 import CloudTimes

EDGE_COMPUTE, PROTECT, ENCODE = "edge_compute", "protect", "encode"
NETWORK = "network"
CLOUD_DECODE, QUEUE, CLOUD_COMPUTE, CLOUD_ENCODE = "cloud_decode", "queue", "cloud_compute", "cloud_encode"
DECODE = "decode"
TOTAL = "total"


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
    ENCODE: Stage("edge: encode", "#63bfb3"),
    NETWORK: Stage("network", "#8d99ae"),
    CLOUD_DECODE: Stage("cloud: decode", "#b39ddb"),
    QUEUE: Stage("cloud: queue", "#d1b3e8"),
    CLOUD_COMPUTE: Stage("cloud: tail", "#7e57c2"),
    CLOUD_ENCODE: Stage("cloud: encode", "#9a7fd1"),
    DECODE: Stage("edge: decode", "#9bd6cd"),
}
_POSITIONS = {name: position for position, name in enumerate((*STAGES, TOTAL))}


def cloud_stages(times: CloudTimes) -> dict[str, float]:
    """The cloud's part of a frame, seconds by stage.

    >>> cloud_stages(CloudTimes(decode=0.5, queue=0.25, compute=2.0, encode=0.125))
    {'cloud_decode': 0.5, 'queue': 0.25, 'cloud_compute': 2.0, 'cloud_encode': 0.125}
    """
    return {
        CLOUD_DECODE: times.decode,
        QUEUE: times.queue,
        CLOUD_COMPUTE: times.compute,
        CLOUD_ENCODE: times.encode,
    }


def in_order(names: Iterable[str]) -> list[str]:
    """Stage names as they pass; unknown ones come last, by name."""
    return sorted(names, key=lambda name: (_POSITIONS.get(name, len(_POSITIONS)), name))


def parts(names: Iterable[str]) -> list[str]:
    """The stages that make up the total, in order."""
    return [name for name in in_order(names) if name != TOTAL]


def stage(name: str) -> Stage:
    """How to show a stage; one that is not known keeps its name."""
    return STAGES.get(name, Stage(name, "#b0b4ba"))
