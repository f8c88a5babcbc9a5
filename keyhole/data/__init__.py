"""Picture sources in disjoint pools."""

from keyhole.data.apart import check_apart
from keyhole.data.pools import Pool
from keyhole.data.sample import Sample
from keyhole.data.sets.open import open_collection
from keyhole.data.sets.record import Collection, Facts, Record
from keyhole.data.source import Source, open_source, taken

__all__ = [
    "Collection",
    "Facts",
    "Pool",
    "Record",
    "Sample",
    "Source",
    "check_apart",
    "open_collection",
    "open_source",
    "taken",
]
