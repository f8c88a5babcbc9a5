"""Architectures by name, without weights of our own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from keyhole.targets.errors import TargetError
from keyhole.targets.family import Entry, Family
from keyhole.targets.timm_family import ConvStemFamily, TimmFamily
from keyhole.targets.torchvision_family import TorchvisionFamily

BARE = "torchvision"
"""The family of names without a prefix."""
ARCHITECTURES: Mapping[str, Family] = {
    BARE: TorchvisionFamily(),
    "timm": TimmFamily(),
    "conv-stem": ConvStemFamily(),
}


def architecture(name: str) -> Entry:
    """The architecture ``resnet18`` (or ``torchvision:resnet18``), ``timm:NAME`` or ``conv-stem:NAME``.

    Raises:
        TargetError: no such architecture; the message lists the nearest names.
    """
    prefix, _, own = name.rpartition(":")
    family = ARCHITECTURES.get(prefix or BARE)
    if family is None:
        raise TargetError(
            f"unknown architecture {name!r}: expected a name of torchvision, or one after timm: or conv-stem:"
        )
    if own.partition(".")[0] not in family.names():
        near = difflib.get_close_matches(own, family.names(), n=4)
        nearest = f"nearest: {', '.join(near)}; " if near else ""
        raise TargetError(f"unknown architecture {name!r} ({nearest}`keyhole targets` lists all)")
    return Entry(family, own)
