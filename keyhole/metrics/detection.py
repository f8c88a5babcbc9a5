"""Mean average precision of detected boxes, by torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

from keyhole.service.errors import UsageError

BACKEND: Literal["pycocotools"] = "pycocotools"
Found = Mapping[str, Tensor]
"""``boxes`` K×4 (left, top, right, bottom), ``labels`` and, of what was detected, ``scores``."""


def check_backend() -> None:
    """Refuse to go on without what torchmetrics reckons with.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec(BACKEND) is None:
        raise UsageError(f"the mean average precision of boxes needs {BACKEND}: pip install {BACKEND}")


def mean_average_precision(found: Sequence[Found], truths: Sequence[Found], names: Sequence[str]) -> dict[str, float]:
    """How well boxes are found, as COCO has it (Lin et al. 2014).

    Args:
        found: in each picture, with scores.
        truths: in each picture.
        names: of the classes, by label.

    Returns:
        In percent: ``mAP`` over the IOU thresholds 0.50 … 0.95 and all classes that come among the truths, ``mAP50`` at
        0.50, and for each of these classes ``AP50_`` with its name.

    Raises:
        UsageError: the backend is not installed.
        ValueError: numbers of pictures differ, or no picture has a box.
    """
    check_backend()
    present = sorted({int(label) for truth in truths for label in truth["labels"]})
    if len(found) != len(truths) or not present:
        raise ValueError(f"boxes found in {len(found)} pictures, {len(truths)} truths of {len(present)} classes")
    values = _measured(found, truths)
    by_class = {f"AP50_{names[label]}": _of_class(found, truths, label) for label in present}
    return {"mAP": values["map"], "mAP50": values["map_50"], **by_class}


def _of_class(found: Sequence[Found], truths: Sequence[Found], label: int) -> float:
    return _measured([_only(each, label) for each in found], [_only(each, label) for each in truths])["map_50"]


def _only(each: Found, label: int) -> dict[str, Tensor]:
    kept = each["labels"] == label
    return {name: value[kept] for name, value in each.items()}


def _measured(found: Sequence[Found], truths: Sequence[Found]) -> dict[str, float]:
    metric = MeanAveragePrecision(backend=BACKEND)
    metric.update([dict(each) for each in found], [dict(each) for each in truths])
    values = metric.compute()
    return {name: 100 * float(torch.as_tensor(values[name])) for name in ("map", "map_50")}
