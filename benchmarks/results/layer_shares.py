"""Shares of the Fisher information of a network's first layers, from the JSON of `keyhole layers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def early_share(document: Mapping[str, Any]) -> dict[str, float]:
    """Per cent of each kind of information in the first half of the layers.

    >>> early_share({"layers": [{"share_percent": {"task": 80, "inversion": 60}}, {"share_percent": {"task": 20,
    ... "inversion": 40}}]})
    {'task': 80, 'inversion': 60}
    """
    layers = [layer["share_percent"] for layer in document["layers"]]
    return {kind: sum(layer[kind] for layer in layers[: len(layers) // 2]) for kind in layers[0]}
