"""Top-1 of a classifier."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from keyhole.bench.records import Accuracy, Design
from keyhole.bench.setup import Setup
from keyhole.metrics.recognition import top_k_accuracy
from keyhole.service.errors import UsageError
from keyhole.targets import Target
from keyhole.train.tasks.classifier import LabelledPictures, readable

_BATCH = 64


@torch.inference_mode()
def top_1(design: Design, network: nn.Module, target: Target, setup: Setup) -> Accuracy:
    """Top-1 over pictures that are spread evenly over the validation set.

    Args:
        design: what is measured.
        network: N×3×size×size, normalised, to N×classes.
        target: whose labels and preprocessing.
        setup: names the pictures.

    Raises:
        UsageError: no pictures are named, or their classes are not the target's.
        FileNotFoundError: no pictures there.
    """
    data = _validation(setup.terms.classes, target)
    chosen = torch.linspace(0, len(data.labels) - 1, min(setup.terms.scale.pictures, len(data.labels))).long()
    network.eval()
    hits = 0
    for part in torch.split(chosen, _BATCH):
        answers = network(target.preprocess(data.pictures[part].float() / 255))
        hits += round(top_k_accuracy(answers, data.labels[part]) * len(part))
    return Accuracy(design, "top-1", 100 * hits / len(chosen), len(chosen))


def _validation(root: str, target: Target) -> LabelledPictures:
    if not root:
        raise UsageError(
            f"no labelled pictures for {target.name}: give --classes a folder or zip with val/<class>/…, or leave "
            "accuracy out with --only"
        )
    data = _loaded(Path(root))
    names = tuple(map(readable, data.names))
    if len(names) != target.outputs or (target.labels and names != target.labels):
        raise UsageError(
            f"--classes {root}: {len(names)} classes from {names[0]!r} on; {target.name} answers with {target.outputs}"
            + (f" from {target.labels[0]!r} on" if target.labels else "")
        )
    return data


@lru_cache(maxsize=1)
def _loaded(root: Path) -> LabelledPictures:
    return LabelledPictures.load(root, "val")
