"""Picture sources in disjoint pools: what the victim shows, and what an attacker may learn from."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
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

__getattr__ = lazily(
    __name__,
    {
        "keyhole.data.public": ("check_apart",),
        "keyhole.data.sample": ("Pool", "Sample"),
        "keyhole.data.sets.catalogue": ("open_collection",),
        "keyhole.data.sets.collection": ("Collection", "PictureFacts", "Record"),
        "keyhole.data.source": ("Source", "open_source", "take_samples"),
    },
)
