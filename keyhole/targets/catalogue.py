"""Every model that has a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from keyhole.partition.pruning.plan import PLAN
from keyhole.service.errors import name_goes_first
from keyhole.targets.architectures import ARCHITECTURES, BARE
from keyhole.targets.card import CARD
from keyhole.targets.defence import defence_name
from keyhole.targets.errors import TargetError
from keyhole.targets.family import Entry, Family
from keyhole.targets.pruned import DEFENDED, PRUNED, PrunedFamily
from keyhole.targets.shipped import SHIPPED, ShippedFamily


class Catalogue:
    """Models by name: ``timm:NAME``, ``conv-stem:NAME``, ``torchvision:NAME``, and bare names of shipped models and of
    torchvision's.

    A folder that a training left names a model by where it lies, ``pruned:FOLDER`` and ``defended:FOLDER`` those that
    were trained further; such models are found and not listed, but for the shipped ones, which have bare names too.
    """

    def __init__(self, shipped: Path = SHIPPED) -> None:
        self._folder = shipped
        self._shipped: tuple[Family, ...] = (ShippedFamily(shipped), PrunedFamily(shipped))
        self._bare: tuple[Family, ...] = (*self._shipped, ARCHITECTURES[BARE])

    def find(self, name: str) -> Entry | None:
        """The model of that name; None where the name is of the form ``package.module:factory``.

        Raises:
            TargetError: no such model; the message lists the nearest names.
        """
        prefix, colon, rest = name.partition(":")
        if colon and prefix in (PRUNED, DEFENDED):
            return Entry(PrunedFamily(), rest)
        if colon and prefix not in ARCHITECTURES:
            return None
        for family in (ARCHITECTURES[prefix],) if colon else self._bare:
            if (own := rest or prefix) in family.names() or (colon and own.partition(".")[0] in family.names()):
                name_goes_first("target", name)
                return Entry(family, own)
        if Path(name).is_dir():
            return _left_in(Path(name).resolve())
        near = difflib.get_close_matches(name, list(self.names()), n=4)
        shipped = [name for family in self._shipped for name in family.names()]
        nearest = f"nearest: {', '.join(near)}; " if near else ""
        raise TargetError(
            f"unknown target {name!r} ({nearest}shipped with weights: "
            f"{', '.join(shipped) or f'none in {self._folder}'}; `keyhole targets` lists all; a folder that a training "
            "left is a target too)"
        )

    def names(self) -> Iterator[str]:
        """Every name, shipped models first."""
        yield from (name for name, _ in self.entries())

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every model with its name, shipped ones first."""
        prefixed = ((f"{prefix}:", family) for prefix, family in ARCHITECTURES.items() if prefix != BARE)
        for prefix, family in (*(("", family) for family in self._bare), *prefixed):
            yield from ((prefix + name, Entry(family, name)) for name in family.names())


def _left_in(folder: Path) -> Entry:
    """What a training left in a folder."""
    if not (folder / CARD).is_file():
        raise TargetError(f"{folder} holds no {CARD}: expected what `keyhole train target` leaves when it has ended")
    if (folder / PLAN).is_file():
        return Entry(PrunedFamily(), str(folder))
    return Entry(ShippedFamily(folder.parent), folder.name)


def protection(target: str, applied: str) -> str:
    """Name of what protects a target's features: what it was trained as, and the defence that they go through.

    Args:
        target: a model's name, or ``package.module:factory``.
        applied: as ``--defence`` spells it.

    Raises:
        TargetError: no such target.
    """
    entry = Catalogue().find(target)
    return defence_name("" if entry is None else entry.family.facts(entry.name).defence, applied)
