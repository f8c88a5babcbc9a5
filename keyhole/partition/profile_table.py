"""The points of a model with their costs, as a document of JSON."""

from __future__ import annotations

from typing import Any

from keyhole.partition.cut_points import CutProfile, profile_surveyed
from keyhole.partition.model_survey import survey
from keyhole.sizes import Size
from keyhole.targets.load import assemble


def profile_table(model: str, weights: str | None, size: Size | None, *, every: bool) -> dict[str, Any]:
    """Bytes and counts of every point, nothing rounded, and the modules that are kept whole.

    Args:
        model: a target's name.
        weights: as for `load_target`.
        size: of the picture; None: the target's own.
        every: see `profile`.

    Raises:
        TargetError: no such target or weights.
        CutError: the model cannot be traced.
    """
    target = assemble(model, weights, size=size, strict=False)
    surveyed = survey(target)
    return {
        "target": target.name,
        "size": target.preprocess.size,
        "cuts": [_row(row) for row in profile_surveyed(surveyed, every=every)],
        "kept_whole": dict(surveyed.closed),
    }


def _row(row: CutProfile) -> dict[str, Any]:
    return {
        "cut": row.point.cut,
        "alias": row.point.alias,
        "tensors": [
            {"name": tensor.name, "shape": tensor.shape, "dtype": str(tensor.dtype).removeprefix("torch.")}
            for tensor in row.point.tensors
        ],
        "payload_bytes": dict(row.payload),
        "head_parameters": row.head_parameters,
        "head_bytes": row.head_bytes,
        "head_macs": row.head_macs,
    }
