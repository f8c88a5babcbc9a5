"""Defences at run time: what is done to features before they leave the edge."""

from keyhole.defences.base import UNPROTECTED, Defence, Features, NoDefence, SeveralLooks, randomness
from keyhole.defences.registry import DEFENCES, defence_hash, defence_named, spelled

__all__ = [
    "DEFENCES",
    "UNPROTECTED",
    "Defence",
    "Features",
    "NoDefence",
    "SeveralLooks",
    "defence_hash",
    "defence_named",
    "randomness",
    "spelled",
]
