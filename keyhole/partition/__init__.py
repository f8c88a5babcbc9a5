"""Cut a model at a named point into a head and a tail, exact to the bit."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.partition.cut_points import CutPoint, CutProfile, points, profile
    from keyhole.partition.cutting import cut_at, split
    from keyhole.partition.errors import CutError
    from keyhole.partition.load import partitioned, partitioned_at
    from keyhole.partition.model_survey import Survey, survey
    from keyhole.partition.plan import CutPlan, Features, LiveTensor, Partition, as_features, as_tuple
    from keyhole.partition.protected_head import ProtectedHead, features_of

__all__ = [
    "CutError",
    "CutPlan",
    "CutPoint",
    "CutProfile",
    "Features",
    "LiveTensor",
    "Partition",
    "ProtectedHead",
    "Survey",
    "as_features",
    "as_tuple",
    "cut_at",
    "features_of",
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
        "keyhole.partition.cut_points": ("CutPoint", "CutProfile", "points", "profile"),
        "keyhole.partition.cutting": ("cut_at", "split"),
        "keyhole.partition.errors": ("CutError",),
        "keyhole.partition.load": ("partitioned", "partitioned_at"),
        "keyhole.partition.plan": ("CutPlan", "Features", "LiveTensor", "Partition", "as_features", "as_tuple"),
        "keyhole.partition.protected_head": ("ProtectedHead", "features_of"),
        "keyhole.partition.model_survey": ("Survey", "survey"),
    },
)
