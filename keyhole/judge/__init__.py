"""A judge that is never the network under attack: it reads secrets from pictures and tells vehicles apart."""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.judge.find import JudgeError, find_judge
    from keyhole.judge.judge import Judge
    from keyhole.judge.load import load_judge
    from keyhole.judge.reader import Reader
    from keyhole.judge.reading import identity_rank_1, read_secrets
    from keyhole.judge.recovery import AttributeScore, Recovery, SecretRecovery, summarise

__all__ = [
    "AttributeScore",
    "Judge",
    "JudgeError",
    "Reader",
    "Recovery",
    "SecretRecovery",
    "find_judge",
    "identity_rank_1",
    "load_judge",
    "read_secrets",
    "summarise",
]

__getattr__ = lazily(
    __name__,
    {
        "keyhole.judge.find": ("JudgeError", "find_judge"),
        "keyhole.judge.judge": ("Judge",),
        "keyhole.judge.load": ("load_judge",),
        "keyhole.judge.reader": ("Reader",),
        "keyhole.judge.reading": ("identity_rank_1", "read_secrets"),
        "keyhole.judge.recovery": ("AttributeScore", "Recovery", "SecretRecovery", "summarise"),
    },
)
