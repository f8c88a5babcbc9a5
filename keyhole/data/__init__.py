"""Picture sources in disjoint pools."""

from keyhole.data.public import check_apart
from keyhole.data.sample import Pool, Sample
from keyhole.data.sets.catalogue import open_collection
from keyhole.data.sets.collection import Collection, PictureFacts, Record
from keyhole.data.source import Source, open_source, take_samples

__all__ = [
    "Collection",
    "PictureFacts",
    "Pool",
    "Record",
    "Sample",
    "Source",
    "check_apart",
    "open_collection",
    "open_source",
    "take_samples",
]
