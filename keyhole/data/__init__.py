"""Picture sources in disjoint pools."""

from keyhole.data.pools import Pool
from keyhole.data.sample import Sample
from keyhole.data.sets.open import open_collection
from keyhole.data.sets.record import Collection, Facts, Record
from keyhole.data.source import Source, open_source

__all__ = ["Collection", "Facts", "Pool", "Record", "Sample", "Source", "open_collection", "open_source"]
