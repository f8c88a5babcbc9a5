"""Equivalent thumbnails of a target's leaks, for sheets and tables that ask for the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyhole.bench.advice.exposure import Exposure, equivalent_thumbnail
from keyhole.bench.records import ScaleRecord
from keyhole.metrics.thumbnails import Thumbnail


@dataclass(frozen=True)
class EquivalentThumbnails:
    """Each equivalent thumbnail is computed once, for that takes a bootstrap.

    Attributes:
        scale: of the target's pictures.
    """

    scale: ScaleRecord
    _known: dict[tuple[float, ...], Thumbnail | None] = field(default_factory=dict, repr=False, compare=False)

    def of(self, found: Exposure) -> Thumbnail | None:
        """See `equivalent_thumbnail`, by SSIM."""
        if found.values not in self._known:
            self._known[found.values] = equivalent_thumbnail(found, self.scale)
        return self._known[found.values]
