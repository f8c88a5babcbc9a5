"""Axes of a sweep, and the cells that their product asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar, get_args

from keyhole.attacks.classes.registry import FLOORS
from keyhole.attacks.registry import ATTACKS, DEFAULT_RECIPE, choose
from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, PICTURE, REAL, Design
from keyhole.bench.settings import CellKind
from keyhole.targets.target import NO_DEFENCE

ZSTD = "+zstd"
CELL_KINDS: tuple[CellKind, ...] = get_args(CellKind)
T = TypeVar("T")


@dataclass(frozen=True)
class CutTarget:
    """A target with the points at which it is cut, by their canonical paths."""

    name: str
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class Axes:
    """The values of each axis. A plan is their product.

    Attributes:
        targets: each with cuts of its own.
        defences: as `--defence` spells them.
        codecs: names of the wire's codecs.
        links: names of emulated links.
        attacks: names.
        seeds: of the attacks.
        class_attacks: words of the attacks on classes.
        class_targets: names of the targets that they are run on: those that tell private classes apart.
    """

    targets: tuple[CutTarget, ...]
    defences: tuple[str, ...]
    codecs: tuple[str, ...]
    links: tuple[str, ...]
    attacks: tuple[str, ...]
    seeds: tuple[int, ...]
    class_attacks: tuple[str, ...] = ()
    class_targets: tuple[str, ...] = ()

    def designs(self) -> tuple[Design, ...]:
        """Every way to split, baselines left out."""
        return tuple(
            Design(target.name, cut, defence, codec)
            for target in self.targets
            for cut in target.cuts
            for defence in self.defences
            for codec in self.codecs
        )

    def whole(self) -> tuple[Design, ...]:
        """Every target on the edge alone."""
        return tuple(Design(target.name, EDGE_ONLY, NO_DEFENCE, "none") for target in self.targets)

    def remote(self) -> tuple[Design, ...]:
        """Every target in the cloud alone, its pictures packed by each codec."""
        return tuple(
            Design(target.name, CLOUD_ONLY, NO_DEFENCE, codec) for target in self.targets for codec in self.codecs
        )

    def joined(self, other: Axes) -> Axes:
        """All values of both, this one's first."""
        cuts = {target.name: target.cuts for target in self.targets}
        for target in other.targets:
            cuts[target.name] = _joined(cuts.get(target.name, ()), target.cuts)
        return Axes(
            tuple(CutTarget(name, points) for name, points in cuts.items()),
            _joined(self.defences, other.defences),
            _joined(self.codecs, other.codecs),
            _joined(self.links, other.links),
            _joined(self.attacks, other.attacks),
            _joined(self.seeds, other.seeds),
            _joined(self.class_attacks, other.class_attacks),
            _joined(self.class_targets, other.class_targets),
        )


def lossless(codec: str) -> str:
    """The codec without zstd. zstd loses nothing, so leak and accuracy are the same without it.

    >>> lossless("int8+zstd"), lossless("fp16")
    ('int8', 'fp16')
    """
    return codec.removesuffix(ZSTD)


def _joined(left: tuple[T, ...], right: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*left, *right)))


@dataclass(frozen=True)
class ProfileCell:
    """What a design costs without being run: no link, no attack."""

    design: Design
    kind: ClassVar[CellKind] = "profile"

    @property
    def name(self) -> str:
        """The primary key."""
        return _cell_name(self.kind, self.design)


@dataclass(frozen=True)
class AccuracyCell:
    """How well a design answers: no link, no attack."""

    design: Design
    kind: ClassVar[CellKind] = "accuracy"

    @property
    def name(self) -> str:
        """The primary key."""
        return _cell_name(self.kind, self.design)


@dataclass(frozen=True)
class LatencyCell:
    """How long a design takes over a link; ``link`` is empty where nothing crosses one."""

    design: Design
    link: str
    kind: ClassVar[CellKind] = "latency"

    @property
    def name(self) -> str:
        """The primary key."""
        return _cell_name(self.kind, self.design, self.link)


@dataclass(frozen=True)
class LeakCell:
    """What one attack sees of a design, with one seed: no link."""

    design: Design
    attack: str
    seed: int
    kind: ClassVar[CellKind] = "leak"

    @property
    def name(self) -> str:
        """The primary key."""
        return _cell_name(self.kind, self.design, self.attack, f"seed {self.seed}")


@dataclass(frozen=True)
class PictureCell:
    """What is seen of a picture that is sent to the cloud whole: no attack is needed to decode it."""

    design: Design
    kind: ClassVar[CellKind] = "leak"

    @property
    def name(self) -> str:
        """The primary key."""
        return _cell_name(self.kind, self.design, PICTURE)


@dataclass(frozen=True)
class ScaleCell:
    """What the leaks of a target's pictures are told by: the blind attacker, and thumbnails."""

    target: str
    kind: ClassVar[CellKind] = "scale"

    @property
    def design(self) -> Design:
        """The target on the edge alone, of which nothing crosses."""
        return Design(self.target, EDGE_ONLY, NO_DEFENCE, "none")

    @property
    def name(self) -> str:
        """The primary key."""
        return f"{self.kind} | {self.target}"


@dataclass(frozen=True)
class TrainingSetCell:
    """What one attack on a target's classes shows of its training pictures: no cut, no defence at run time, no codec.

    A row of public pictures alone, and `REAL` private ones, are measured as attacks are.
    """

    target: str
    attack: str
    kind: ClassVar[CellKind] = "training-set"

    @property
    def design(self) -> Design:
        """The whole target, which attacks on classes hold."""
        return Design(self.target, EDGE_ONLY, NO_DEFENCE, "none")

    @property
    def name(self) -> str:
        """The primary key."""
        return f"{self.kind} | {self.target} | {self.attack}"


Cell = ProfileCell | AccuracyCell | LatencyCell | LeakCell | PictureCell | ScaleCell | TrainingSetCell


def _cell_name(kind: CellKind, design: Design, *more: str) -> str:
    parts = (kind, design.target, design.cut, design.defence, design.codec, *more)
    return " | ".join(part for part in parts if part)


def plan_cells(axes: Axes, only: Collection[CellKind] = CELL_KINDS) -> tuple[Cell, ...]:
    """The cells of a run, each once whatever shares it, in the order in which they are measured.

    A leak and an accuracy depend on neither link nor zstd, a latency on no attack and no seed, a profile on none of
    them, a scale on the target's pictures alone; it is measured before the leaks that it is for. What is seen of a
    training set depends on the target's weights alone: whoever holds them leaves out what else is done to features at
    run time. Attacks that train no
    network are run with the first seed. What the whole model
    does on the edge is measured once, for all links. The first seed of every attack comes before the second, so that a
    run that is stopped has seen all designs.

    >>> target, codecs = CutTarget("resnet18", ("layer2",)), ("int8", "int8+zstd")
    >>> axes = Axes((target,), ("none",), codecs, ("wifi", "lte"), ("pixels-white",), seeds=(0,))
    >>> for cell in plan_cells(axes, only=["leak"]):
    ...     print(cell.name)
    scale | resnet18
    leak | resnet18 | cloud-only | none | int8 | picture
    leak | resnet18 | layer2 | none | int8 | pixels-white | seed 0
    """
    wanted = {*only, "scale"} if "leak" in only else {*only}
    return tuple(cell for kind in CELL_KINDS if kind in wanted for cell in _PLANS[kind](axes))


def _profiles(axes: Axes) -> tuple[Cell, ...]:
    return tuple(ProfileCell(design) for design in (*axes.designs(), *axes.remote(), *axes.whole()))


def _accuracies(axes: Axes) -> tuple[Cell, ...]:
    return tuple(map(AccuracyCell, (*axes.whole(), *_without_zstd((*axes.remote(), *axes.designs())))))


def _latencies(axes: Axes) -> tuple[Cell, ...]:
    alone = tuple(LatencyCell(design, "") for design in axes.whole())
    carried = (LatencyCell(design, link) for design in (*axes.remote(), *axes.designs()) for link in axes.links)
    return (*alone, *carried)


def _leaks(axes: Axes) -> tuple[Cell, ...]:
    designs = _without_zstd(axes.designs())
    seeds = {attack: _seeds(attack, axes) for attack in axes.attacks}
    attacked = (
        LeakCell(design, attack, seed)
        for seed in axes.seeds
        for attack in axes.attacks
        if seed in seeds[attack]
        for design in designs
    )
    return (*map(PictureCell, _without_zstd(axes.remote())), *attacked)


def _seeds(attack: str, axes: Axes) -> tuple[int, ...]:
    """All for an attack that trains a network. For an optimiser a seed is but where it starts on each picture by
    itself, so that more pictures tell more than more seeds."""
    return axes.seeds if choose(attack, DEFAULT_RECIPE, ATTACKS).trains else axes.seeds[:1]


def _scales(axes: Axes) -> tuple[Cell, ...]:
    return tuple(ScaleCell(target.name) for target in axes.targets)


def _training_sets(axes: Axes) -> tuple[Cell, ...]:
    if not axes.class_attacks:
        return ()
    rows = (REAL, *FLOORS, *axes.class_attacks)
    return tuple(TrainingSetCell(target, row) for target in axes.class_targets for row in rows)


_PLANS = {
    "profile": _profiles,
    "accuracy": _accuracies,
    "latency": _latencies,
    "scale": _scales,
    "leak": _leaks,
    "training-set": _training_sets,
}


def _without_zstd(designs: tuple[Design, ...]) -> tuple[Design, ...]:
    return tuple(dict.fromkeys(replace(design, codec=lossless(design.codec)) for design in designs))
