"""The catalogue of models by name: architectures, shipped weights, and folders that a training left."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from keyhole.partition.pruning.plan import PLAN, PruningPlan, Tail, read_plan
from keyhole.service.errors import warn_of_folder_named_alike
from keyhole.service.files import checksum
from keyhole.sizes import Size, height_width
from keyhole.targets.architectures import ARCHITECTURES, BARE, architecture
from keyhole.targets.family import Family, ModelFacts, NamedModel
from keyhole.targets.neck import with_neck
from keyhole.targets.state_dicts import load_state
from keyhole.targets.stored_weights import CARD, WEIGHTS, Card, load_weights, read_card
from keyhole.targets.target import TargetError, defence_name
from keyhole.targets.user_models import make_user_model

PRUNED, DEFENDED = "pruned", "defended"
"""Prefixes of the names of targets that a defence has trained; they mean the same."""
SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights in the package."""


class ShippedFamily(Family):
    """See `Family`. The whole models under ``folder``, whose architectures come from the other families."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Sequence[str]:
        found = (path.parent for path in self._folder.glob(f"*/{CARD}"))
        return sorted(folder.name for folder in found if not (folder / PLAN).exists())

    def card(self, name: str) -> Card:
        """The card of a model."""
        return read_card(self._folder / name)

    def facts(self, name: str) -> ModelFacts:
        card = self.card(name)
        detects = len(card.labels) if card.task == "detection" else 0
        outputs = len(card.labels) - detects
        return ModelFacts(card.preprocess, outputs, card.licence, "shipped", card.embedding, detects=detects)

    def labels(self, name: str) -> tuple[str, ...]:
        return self.card(name).labels

    def build(self, name: str, *, size: Size | None, outputs: int | None, pretrained: bool) -> nn.Module:
        card = self.card(name)
        entry = architecture(card.architecture)
        if card.embedding and outputs is None and card.task != "captions":
            model = with_neck(entry, size or card.size)
        else:  # CLIP's embedding is what the classifier's layer, its projection, answers
            classes = outputs or card.embedding or len(card.labels)
            model = entry.family.build(entry.name, size=size or card.size, outputs=classes, pretrained=False)
        if pretrained:
            stored = {**_of_backbone(card, model), **self.state(name)}
            load_state(model, stored, f"{name} (for pictures of {card.size} pixels)", strict=True)
        return model

    def state(self, name: str) -> Mapping[str, Tensor]:
        """The shipped weights.

        Raises:
            TargetError: they are not those that the card describes.
        """
        path = self._folder / name / WEIGHTS
        card = self.card(name)
        if not path.is_file():
            raise TargetError(f"the weights of {name} are missing: expected {path}, made by `{card.command}`")
        if checksum(path) != card.sha256:
            raise TargetError(f"{path} is not the file that its card describes (SHA-256 {card.sha256[:16]}…)")
        return load_weights(path)


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

    def facts(self, name: str) -> ModelFacts:
        folder = self._folder(name)
        known = read_card(folder)
        defence = read_plan(folder).defence
        return ModelFacts(known.preprocess, len(known.labels), known.licence, "shipped", known.embedding, defence)

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
    """The architecture, as cards spell it, of a target; of one from which something was removed, that of the whole.

    Raises:
        TargetError: no card there, where the name is that of a folder which should have one.
    """
    folder = folder_of(name)
    return read_card(folder).architecture if is_defended(name) or (folder / CARD).is_file() else name


def is_defended(name: str) -> bool:
    """Whether a target is one that a defence was trained into."""
    return name.partition(":")[0] in (PRUNED, DEFENDED) or (folder_of(name) / PLAN).is_file()


def plan_of(name: str) -> PruningPlan | None:
    """What was removed from a target, and by which defence; None where no defence was trained into it.

    Raises:
        CutError: the plan cannot be read.
    """
    return read_plan(folder_of(name)) if is_defended(name) else None


def folder_of(name: str) -> Path:
    """The folder of a target's files, which need not be there."""
    prefix, _, rest = name.partition(":")
    if prefix in (PRUNED, DEFENDED):
        return Path(rest)
    return SHIPPED / name if (SHIPPED / name).is_dir() else Path(name)


def _of_backbone(card: Card, model: nn.Module) -> Mapping[str, Tensor]:
    """The tensors of a model that a shipped target has, where its card says so.

    Raises:
        TargetError: there is no such target, or its weights are others.
    """
    if not card.backbone:
        return {}
    name, shipped = card.backbone["target"], ShippedFamily(SHIPPED)
    if name not in shipped.names() or shipped.card(name).sha256 != card.backbone["sha256"]:
        raise TargetError(
            f"{card.name} is a head on {name} with the weights {card.backbone['sha256'][:16]}…, which are not here: "
            "train it again"
        )
    own = model.state_dict()
    return {key: value for key, value in shipped.state(name).items() if key in own}


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
        return make_user_model(card.architecture, size).model
    return ShippedFamily(folder.parent).build(folder.name, size=size, outputs=outputs, pretrained=False)


class Catalogue:
    """Models by name: one of `ARCHITECTURES` after its prefix, such as ``timm:NAME``, and bare names of shipped models
    and of torchvision's.

    The path of a folder that a training left is a name too, and so are ``pruned:FOLDER`` and ``defended:FOLDER``. Such
    models are found but not listed; the shipped ones among them also have bare names.
    """

    def __init__(self, shipped: Path = SHIPPED) -> None:
        self._folder = shipped
        self._shipped: tuple[Family, ...] = (ShippedFamily(shipped), PrunedFamily(shipped))
        self._bare: tuple[Family, ...] = (*self._shipped, ARCHITECTURES[BARE])

    def find(self, name: str) -> NamedModel | None:
        """The model of that name; None where the name is of the form ``package.module:factory``.

        Raises:
            TargetError: no such model; the message lists the nearest names.
        """
        prefix, colon, rest = name.partition(":")
        if colon and prefix in (PRUNED, DEFENDED):
            return NamedModel(PrunedFamily(), rest)
        if colon and prefix not in ARCHITECTURES:
            return None
        for family in (ARCHITECTURES[prefix],) if colon else self._bare:
            own = rest or prefix
            if family.has(own) if colon else own in family.names():
                warn_of_folder_named_alike("target", name)
                return NamedModel(family, own)
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

    def entries(self) -> Iterator[tuple[str, NamedModel]]:
        """Every model with its name, shipped ones first."""
        prefixed = ((f"{prefix}:", family) for prefix, family in ARCHITECTURES.items() if prefix != BARE)
        for prefix, family in (*(("", family) for family in self._bare), *prefixed):
            yield from ((prefix + name, NamedModel(family, name)) for name in family.names())


def _left_in(folder: Path) -> NamedModel:
    """The model that a training left in a folder."""
    if not (folder / CARD).is_file():
        raise TargetError(f"{folder} holds no {CARD}: expected what `keyhole train target` leaves when it has ended")
    if (folder / PLAN).is_file():
        return NamedModel(PrunedFamily(), str(folder))
    return NamedModel(ShippedFamily(folder.parent), folder.name)


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
