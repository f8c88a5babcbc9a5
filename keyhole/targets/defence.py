"""The name of what protects a split model's features."""

from __future__ import annotations

NO_DEFENCE = "none"
"""The name of having none."""


def defence_name(trained: str, applied: str) -> str:
    """Of the defence that a target was trained as and of the one that its features go through, for headers and scores.

    >>> defence_name("patrol", "none"), defence_name("patrol", "noise"), defence_name("", "none")
    ('patrol', 'patrol+noise', 'none')
    """
    return "+".join(name for name in (trained, applied) if name not in ("", NO_DEFENCE)) or NO_DEFENCE
