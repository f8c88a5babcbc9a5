"""Every model that has a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyhole.targets.errors import TargetError
from keyhole.targets.family import Family
from keyhole.targets.shipped import SHIPPED, ShippedFamily
from keyhole.targets.timm_family import TimmFamily
from keyhole.targets.torchvision_family import TorchvisionFamily

_TORCHVISION = TorchvisionFamily()
_FAMILIES: Mapping[str, Family] = {"torchvision": _TORCHVISION, "timm": TimmFamily()}


@dataclass(frozen=True)
class Entry:
    """A model of a family.

    Attributes:
        family: where it comes from.
        name: its name there.
    """

    family: Family
    name: str


class Catalogue:
    """Models by name: ``timm:NAME``, ``torchvision:NAME``, and bare names of shipped and of torchvision's models."""

    def __init__(self, shipped: Path = SHIPPED) -> None:
        self._folder = shipped
        self._bare: tuple[Family, ...] = (ShippedFamily(shipped, _TORCHVISION), _TORCHVISION)

    def find(self, name: str) -> Entry | None:
        """The model of that name; None where the name is of the form ``package.module:factory``.

        Raises:
            TargetError: no such model; the message lists the nearest names.
        """
        prefix, colon, rest = name.partition(":")
        if colon and prefix not in _FAMILIES:
            return None
        for family in (_FAMILIES[prefix],) if colon else self._bare:
            if (own := rest or prefix) in family.names() or (colon and own.partition(".")[0] in family.names()):
                return Entry(family, own)
        near = difflib.get_close_matches(name, list(self.names()), n=4)
        nearest = f"nearest: {', '.join(near)}; " if near else ""
        raise TargetError(
            f"unknown target {name!r} ({nearest}shipped with weights: "
            f"{', '.join(self._bare[0].names()) or f'none in {self._folder}'}; `keyhole targets` lists all)"
        )

    def names(self) -> Iterator[str]:
        """Every name, shipped models first."""
        yield from (name for name, _ in self.entries())

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every model with its name, shipped ones first."""
        for prefix, family in (*(("", family) for family in self._bare), ("timm:", _FAMILIES["timm"])):
            yield from ((prefix + name, Entry(family, name)) for name in family.names())
