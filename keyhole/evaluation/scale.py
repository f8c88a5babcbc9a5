"""The thumbnails' scale of a run's pictures, kept picture by picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import reduce

from torch import Tensor

from keyhole.evaluation.kept import Shelf
from keyhole.extensions import extension_hash
from keyhole.metrics.base import Metric
from keyhole.metrics.thumbnails import SIDES, ThumbnailScale

_KEPT = "scale"


def kept_scale(
    pictures: Tensor, metrics: Sequence[Metric], shelf: Shelf, start: Callable[[int], Callable[[], object]]
) -> ThumbnailScale:
    """The scale of true pictures; those that an earlier run measured are not measured again.

    Args:
        pictures: N×3×H×W in [0, 1].
        metrics: of single pictures.
        shelf: of the run.
        start: called with the number of steps where something must be measured; what it returns is called after each.
    """
    names = [hashlib.sha256(picture.numpy().tobytes()).hexdigest()[:16] for picture in pictures]
    sides = [side for side in SIDES if side < min(pictures.shape[-2:])]
    facts = {
        "size": list(pictures.shape[-2:]),
        "sides": sides,
        "metrics": sorted(metric.name for metric in metrics),
        "own": {each.name: extension_hash(each.name) for each in metrics if ":" in each.name},
    }
    stored = shelf.text(_KEPT, facts)
    kept = json.loads(stored) if stored else None
    known: list[str] = kept["pictures"] if kept else []
    missing = [place for place, name in enumerate(names) if name not in known and name not in names[:place]]
    parts = [ThumbnailScale.from_json(kept)] if kept else []
    if missing:
        parts.append(ThumbnailScale.measure(pictures[missing], metrics, start(len(sides) + 1)))
    scale = reduce(ThumbnailScale.joined, parts)
    if missing:
        known = [*known, *(names[place] for place in missing)]
        shelf.keep_text(_KEPT, facts, json.dumps({"pictures": known, **scale.as_json()}))
    return scale.of([known.index(name) for name in names])
