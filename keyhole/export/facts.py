"""What an exported file says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from keyhole.export.half import FORMULA, Half, digest
from keyhole.partition import as_tuple
from keyhole.sizes import height_width
from keyhole.targets import Target

NAME = "keyhole.json"
"""Under which a file holds its facts: an extra file of a ``.pt2``, a metadata property of ONNX."""
_FORMAT = 1


def facts_of(target: Target, half: Half) -> str:
    """The facts as JSON: target, cut, preprocessing, inputs, outputs, and the features of the picture of `FORMULA`."""
    height, width = height_width(target.preprocess.size)
    document = {
        "format": _FORMAT,
        "part": half.part,
        "target": target.name,
        "model_hash": target.hash,
        "weights": target.weights,
        "licence": target.licence,
        "defence": target.defence or "none",
        "cut": half.plan.cut,
        "alias": half.plan.alias,
        "preprocess": {
            "size": [height, width],
            "fit": "resize to cover the size (bilinear, antialiased), crop the centre",
            "channels": "RGB",
            "range": [0, 1],
            "mean": target.preprocess.mean,
            "std": target.preprocess.std,
            "input": "(picture - mean) / std, N×3×height×width",
        },
        "inputs": [_port(port) for port in map(asdict, half.inputs)],
        "outputs": [_port(port) for port in map(asdict, half.outputs)],
        "labels": target.labels,
        "check": {"picture": FORMULA, **_checked(half)},
        "made_by": {"keyhole": version("keyhole"), "torch": torch.__version__},
    }
    return json.dumps(document, ensure_ascii=False)


def _port(port: dict[str, Any]) -> dict[str, Any]:
    return port | {"shape": ["batch", *port["shape"]]}


def _checked(half: Half) -> dict[str, Any]:
    """Digests and moments of features, and for a tail of its answer, to the picture of the formula."""
    if half.part == "head":
        return {"features": _summary(half.answers(half.trials[0]))}
    features = as_tuple(half.trials[0])
    return {"features": _summary(features), "answer": _summary(half.answers(half.trials[0]))}


def _summary(tensors: tuple[Tensor, ...]) -> dict[str, Any]:
    moments = [{"mean": float(each.double().mean()), "std": float(each.double().std())} for each in tensors]
    return {"sha256": digest(tensors), "moments": moments}
