"""Records and axes from their stored fields, those of older versions among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from keyhole.bench.axes import Axes, CutTarget
from keyhole.bench.records import (
    AccuracyRecord,
    CellRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    MachineLoad,
    Percentiles,
    ProfileRecord,
    ScaleRecord,
    TrainingSetRecord,
)
from keyhole.bench.settings import CellKind
from keyhole.evaluation.spent_training import SpentTraining
from keyhole.judge.legibility import Legibility
from keyhole.judge.recovery import Share
from keyhole.metrics.registry import DEFAULT
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.service.errors import UsageError


def read_record(kind: CellKind, fields: Mapping[str, Any]) -> CellRecord:
    """A record from its stored fields.

    Raises:
        UsageError: the fields are those of another version.
    """
    try:
        return _READERS[kind]({**fields, "design": Design(**fields["design"])})
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"a cell of kind {kind} was stored by another version of keyhole ({error}): measure anew, in another folder"
        ) from error


def read_axes(fields: Mapping[str, Any]) -> Axes:
    """Axes from their stored fields; older runs store no attacks on classes."""
    targets = tuple(CutTarget(each["name"], tuple(each["cuts"])) for each in fields["targets"])
    return Axes(**{**{name: tuple(values) for name, values in fields.items()}, "targets": targets})


def _latency(fields: Mapping[str, Any]) -> LatencyRecord:
    """Older runs store neither interval nor load."""
    stages = {name: Percentiles(**each) for name, each in fields["stages"].items()}
    known = {
        "interval": (found := fields.get("interval")) and (found[0], found[1]),
        "load": (load := fields.get("load")) and MachineLoad(**load),
    }
    return LatencyRecord(**{**fields, **known, "stages": stages, "total": Percentiles(**fields["total"])})


def _accuracy(fields: Mapping[str, Any]) -> AccuracyRecord:
    """Older runs also store a ``reach``, which follows from the other fields, and no ``bootstrapped`` interval."""
    known = {name: value for name, value in fields.items() if name != "reach"}
    found = fields.get("bootstrapped")
    return AccuracyRecord(**{**known, "bootstrapped": found and (found[0], found[1])})


def _leak(fields: Mapping[str, Any]) -> LeakRecord:
    """Older runs do not store which metrics were ``shown``: PSNR and SSIM; nor what a training took."""
    known = {
        "secrets": {name: Share(**each) for name, each in fields["secrets"].items()},
        "shown": tuple(fields.get("shown", DEFAULT)),
        "prepared": (spent := fields.get("prepared")) and SpentTraining(**spent),
    }
    return LeakRecord(**{**fields, **known})


_FIRST_JUDGE = "14aba8b0d8db8791ff6eebf6bc9ab4aee9fbcfaa5217d923efd3e191aafbda0e"


def _scale(fields: Mapping[str, Any]) -> ScaleRecord:
    """Older runs do not store which judge read: the only one that there was."""
    blind = {name: _leak({**each, "design": Design(**each["design"])}) for name, each in fields["blind"].items()}
    read = {
        "thumbnails": ThumbnailScale.from_json(fields["thumbnails"]),
        "legibility": (stored := fields["legibility"]) and Legibility.from_json(stored),
        "judge": fields.get("judge", _FIRST_JUDGE if stored else ""),
    }
    return ScaleRecord(**{**fields, **read, "blind": blind})


_READERS: Mapping[CellKind, Callable[[Mapping[str, Any]], CellRecord]] = MappingProxyType(
    {
        "latency": _latency,
        "accuracy": _accuracy,
        "leak": _leak,
        "profile": lambda fields: ProfileRecord(**fields),
        "scale": _scale,
        "training-set": lambda fields: TrainingSetRecord(**fields),
    }
)
