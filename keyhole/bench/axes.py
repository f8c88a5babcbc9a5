"""What a benchmark varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from keyhole.bench.records import CLOUD_ONLY, EDGE_ONLY, Design
from keyhole.targets.defence import NO_DEFENCE

ZSTD = "+zstd"
T = TypeVar("T")


@dataclass(frozen=True)
class CutTarget:
    """A target with the points at which it is cut, by their canonical paths."""

    name: str
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class Axes:
    """The values of each axis. The plan is their product.

    Attributes:
        targets: each with cuts of its own.
        defences: as `--defence` spells them.
        codecs: names of the wire's codecs.
        links: names of emulated links.
        attacks: names.
        seeds: of the attacks.
    """

    targets: tuple[CutTarget, ...]
    defences: tuple[str, ...]
    codecs: tuple[str, ...]
    links: tuple[str, ...]
    attacks: tuple[str, ...]
    seeds: tuple[int, ...]

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
        """All values of both, the own ones first."""
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
        )


def lossless(codec: str) -> str:
    """The codec without zstd, which loses nothing: what leaks and what is answered is the same.

    >>> lossless("int8+zstd"), lossless("fp16")
    ('int8', 'fp16')
    """
    return codec.removesuffix(ZSTD)


def _joined(left: tuple[T, ...], right: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*left, *right)))
