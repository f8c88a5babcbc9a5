"""A judge that is never the network under attack: it reads secrets from pictures and tells vehicles apart."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.judge.judge import Judge
    from keyhole.judge.loading import JudgeError, find_judge, load_judge
    from keyhole.judge.reading import SecretReader, identity_rank_1, read_secrets
    from keyhole.judge.recovery import AttributeScore, Recovery, SecretRecovery, summarise
    from keyhole.judge.thresholds import MeasuredLegibility, read_legibility

__all__ = [
    "AttributeScore",
    "Judge",
    "JudgeError",
    "MeasuredLegibility",
    "Recovery",
    "SecretReader",
    "SecretRecovery",
    "find_judge",
    "identity_rank_1",
    "load_judge",
    "read_legibility",
    "read_secrets",
    "summarise",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.judge.judge": ("Judge",),
        "keyhole.judge.loading": ("JudgeError", "find_judge", "load_judge"),
        "keyhole.judge.reading": ("SecretReader", "identity_rank_1", "read_secrets"),
        "keyhole.judge.recovery": ("AttributeScore", "Recovery", "SecretRecovery", "summarise"),
        "keyhole.judge.thresholds": ("MeasuredLegibility", "read_legibility"),
    },
)
