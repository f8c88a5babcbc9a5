"""Cut a model at a named point into a head and a tail, exact to the bit."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.partition.boundaries import CutPoint, points
    from keyhole.partition.costs import CutProfile, profile
    from keyhole.partition.cutting import cut_at, split
    from keyhole.partition.errors import CutError
    from keyhole.partition.load import partitioned, partitioned_at
    from keyhole.partition.plan import CutPlan, Features, LiveTensor, Partition, as_features, as_tuple
    from keyhole.partition.surveying import Survey, survey

__all__ = [
    "CutError",
    "CutPlan",
    "CutPoint",
    "CutProfile",
    "Features",
    "LiveTensor",
    "Partition",
    "Survey",
    "as_features",
    "as_tuple",
    "cut_at",
    "partitioned",
    "partitioned_at",
    "points",
    "profile",
    "split",
    "survey",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.partition.boundaries": ("CutPoint", "points"),
        "keyhole.partition.costs": ("CutProfile", "profile"),
        "keyhole.partition.cutting": ("cut_at", "split"),
        "keyhole.partition.errors": ("CutError",),
        "keyhole.partition.load": ("partitioned", "partitioned_at"),
        "keyhole.partition.plan": ("CutPlan", "Features", "LiveTensor", "Partition", "as_features", "as_tuple"),
        "keyhole.partition.surveying": ("Survey", "survey"),
    },
)
