"""Defences at run time: what is done to features before they leave the edge."""

from keyhole.defences.defence import Defence, Features
from keyhole.defences.none import UNPROTECTED, NoDefence
from keyhole.defences.randomness import randomness
from keyhole.defences.registry import DEFENCES
from keyhole.defences.several import SeveralFrames
from keyhole.defences.spec import defence_named, spelled
from keyhole.defences.stored import mechanism_hash

__all__ = [
    "DEFENCES",
    "UNPROTECTED",
    "Defence",
    "Features",
    "NoDefence",
    "SeveralFrames",
    "defence_named",
    "mechanism_hash",
    "randomness",
    "spelled",
]
