"""Targets that a defence has trained, and perhaps removed structures from: a folder for each, with plan, weights and
card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from keyhole.partition.pruning.plan import PLAN, Tail, read_plan
from keyhole.sizes import Size, height_width
from keyhole.targets.architectures import ARCHITECTURES
from keyhole.targets.card import CARD, read_card
from keyhole.targets.errors import TargetError
from keyhole.targets.family import Facts, Family
from keyhole.targets.own import make_own
from keyhole.targets.shipped import SHIPPED, ShippedFamily
from keyhole.targets.state import load_state

PRUNED, DEFENDED = "pruned", "defended"
"""Prefixes of these targets' names; they mean the same."""


class PrunedFamily(Family):
    """See `Family`. A model's name is the path of its folder, which holds ``plan.json`` besides weights and card; the
    plan names the defence, and what it has removed, which may be nothing.

    The folder is a target like any other: edge, cloud, oracle and a white-box adversary load it by the same name, so
    each of them has the pruned head or the tail that fits it, and no process needs to know how it came about.

    Args:
        root: folder of models that have names of their own; None: they are named by where they lie.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        return () if self._root is None else sorted(path.parent.name for path in self._root.glob(f"*/{PLAN}"))

    def facts(self, name: str) -> Facts:
        folder = self._folder(name)
        known = read_card(folder)
        defence = read_plan(folder).defence
        return Facts(known.preprocess, len(known.labels), known.licence, "shipped", known.embedding, defence)

    def labels(self, name: str) -> tuple[str, ...]:
        return read_card(self._folder(name)).labels

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        from keyhole.partition.pruning.surgery import prune  # noqa: PLC0415  (torch-pruning takes time to import)

        folder = self._folder(name)
        side, plan = size or read_card(folder).size, read_plan(folder)
        kept = plan.tail if pretrained else None
        network = _kept(kept, folder, side) if kept else _whole(folder, side, outputs)
        prune(network, plan, torch.zeros(1, 3, *height_width(side)))
        if pretrained:
            stored = dict(ShippedFamily(folder.parent).state(folder.name))
            load_state(network, {**network.state_dict(), **stored} if kept else stored, str(folder), strict=True)
        return network

    def _folder(self, name: str) -> Path:
        folder = Path(name).resolve() if self._root is None else self._root / name
        if not folder.is_dir():
            raise TargetError(
                f"no folder {name}: expected one that `keyhole train patrol` wrote, or `keyhole train defence`"
            )
        return folder


def architecture_of(name: str) -> str:
    """What the card of a pruned target calls the architecture of the target that it is made of.

    Raises:
        TargetError: the target is pruned itself, so that its plan would be lost.
    """
    folder = SHIPPED / name if name in ShippedFamily(SHIPPED).names() else Path(name)
    prefixed = name.partition(":")[0] in (PRUNED, DEFENDED)
    if prefixed or name in PrunedFamily(SHIPPED).names() or (folder / PLAN).is_file():
        raise TargetError(f"{name} is pruned already: start from the target that it was made of")
    return read_card(folder).architecture if (folder / CARD).is_file() else name


def _kept(tail: Tail, folder: Path, size: Size) -> nn.Module:
    """The target that was pruned, before anything was removed."""
    shipped = ShippedFamily(SHIPPED)
    if tail.target not in shipped.names() or shipped.card(tail.target).sha256 != tail.sha256:
        raise TargetError(
            f"{folder} holds a head for the tail of {tail.target} with the weights {tail.sha256[:16]}…, which are not "
            f"here: train it again, or without `--tail kept`"
        )
    return shipped.build(tail.target, size=size, outputs=None, pretrained=True)


def _whole(folder: Path, size: Size, outputs: int | None) -> nn.Module:
    """The architecture before anything was removed, with random weights."""
    card = read_card(folder)
    prefix, colon, _ = card.architecture.partition(":")
    if colon and prefix not in ARCHITECTURES:
        return make_own(card.architecture, size).model
    return ShippedFamily(folder.parent).build(folder.name, size=size, outputs=outputs, pretrained=False)
