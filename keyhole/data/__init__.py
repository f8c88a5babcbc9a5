"""Picture sources in disjoint pools."""

from keyhole.data.sample import Sample
from keyhole.data.source import Pool, Source, open_source

__all__ = ["Pool", "Sample", "Source", "open_source"]
