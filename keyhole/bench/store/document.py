"""Records as JSON and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from keyhole.bench.axes import Axes, CutTarget
from keyhole.bench.records import Accuracy, Design, Latency, Leak, Percentiles, Profile
from keyhole.bench.settings import CellKind
from keyhole.judge.recovery import Share
from keyhole.service.errors import UsageError

Record = Latency | Accuracy | Leak | Profile


def document(record: Record | Axes) -> dict[str, Any]:
    """A record's fields."""
    return dataclasses.asdict(record)


def record(kind: CellKind, fields: Mapping[str, Any]) -> Record:
    """Inverse of `document`.

    Raises:
        UsageError: the fields are those of another version.
    """
    try:
        return _READERS[kind]({**fields, "design": Design(**fields["design"])})
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"a cell of kind {kind} was stored by another version of keyhole ({error}): measure anew, in another folder"
        ) from error


def axes(fields: Mapping[str, Any]) -> Axes:
    """Inverse of `document` for axes."""
    targets = tuple(CutTarget(each["name"], tuple(each["cuts"])) for each in fields["targets"])
    return Axes(**{**{name: tuple(values) for name, values in fields.items()}, "targets": targets})


def _latency(fields: Mapping[str, Any]) -> Latency:
    stages = {name: Percentiles(**each) for name, each in fields["stages"].items()}
    return Latency(**{**fields, "stages": stages, "total": Percentiles(**fields["total"])})


def _accuracy(fields: Mapping[str, Any]) -> Accuracy:
    """Runs of before keep a ``reach`` too, which follows from the others."""
    return Accuracy(**{name: value for name, value in fields.items() if name != "reach"})


def _leak(fields: Mapping[str, Any]) -> Leak:
    return Leak(**{**fields, "secrets": {name: Share(**each) for name, each in fields["secrets"].items()}})


_READERS: Mapping[CellKind, Callable[[Mapping[str, Any]], Record]] = MappingProxyType(
    {
        "latency": _latency,
        "accuracy": _accuracy,
        "leak": _leak,
        "profile": lambda fields: Profile(**fields),
    }
)
