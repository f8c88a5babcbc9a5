"""The shipped PATROL heads beside unpruned ones of the same memory (Tables I, IV and V)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.claims import Claim, claims, white_less_than_black
from benchmarks.results.designs import BOXES, Box, Setup, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text, stronger
from benchmarks.results.steps import Step
from keyhole.bench.records import ProfileRecord
from keyhole.bench.store import open_results
from keyhole.metrics.interval import share_interval, with_interval

_WHOLE, _MIB = "resnet18-streetcam", 2**20
_ROOMS: Mapping[str, tuple[str, ...]] = {
    "layer1": (f"{_WHOLE}-patrol-small@layer3",),
    "layer2": (f"{_WHOLE}-patrol-low@layer3", f"{_WHOLE}-patrol@layer4"),
}
"""By the unpruned head whose memory they have."""


@dataclass(frozen=True)
class Heads:
    """One table: what each shipped head costs and leaks, and how much less than the unpruned one of its memory."""

    world: World

    @cached_property
    def setups(self) -> tuple[Setup, ...]:
        """A row each; in every room the unpruned head first, and the other unpruned ones at the end."""
        names = [name for room, pruned in _ROOMS.items() for name in (f"{_WHOLE}@{room}", *pruned)]
        return tuple(self._setup(name) for name in (*names, f"{_WHOLE}@layer3", f"{_WHOLE}@layer4"))

    @cached_property
    def ranks(self) -> dict[str, Step]:
        """Rank-1 of vehicles that no training was chosen by, by target."""
        told = ("trial", "--pictures", "{cache}", "--target")
        first = Step(f"heads-{_WHOLE}-trial", "figures", (*told, _WHOLE))  # draws the pictures of all
        others = dict.fromkeys(setup.target for setup in self.setups if setup.target != _WHOLE)
        return {_WHOLE: first} | {
            target: Step(f"heads-{target}-trial", "figures", (*told, target), after=(first,)) for target in others
        }

    @cached_property
    def costs(self) -> Step:
        """Memory and multiply-accumulates of each head."""
        told = ("bench", "--preset", "quick", "--only", "profile", "--defences", "none", "--codecs", "fp32")
        targets: dict[str, list[str]] = {}
        for setup in self.setups:
            targets.setdefault(setup.target, []).append(setup.cut)
        named = (f"{target}@{','.join(cuts)}" for target, cuts in targets.items())
        return Step("heads-costs", "folder", (*told, "--links", "none", "--targets", *named))

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (self.costs, *self.ranks.values(), *(step for setup in self.setups for step in setup.steps()))

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured."""
        profiles = self._profiles(root)
        ranks = {target: step.scores(root)["report"] for target, step in self.ranks.items() if step.done(root)}
        leaks = {setup.title: {box: setup.leak(box, root) for box in BOXES} for setup in self.setups}
        room_of = {name: f"{_WHOLE}@{room}" for room, pruned in _ROOMS.items() for name in pruned}
        rows = []
        for setup in self.setups:
            own, base = leaks[setup.title], room_of.get(setup.title)
            profile, rank = profiles.get(setup.title), ranks.get(setup.target)
            memory = f"{profile.memory / _MIB:.2f}; {profile.macs / 1e6:.0f}" if profile and profile.memory else NOT_YET
            strongest = _strongest(own)
            rows.append(
                [
                    f"`{setup.title}`",
                    memory,
                    _rank(rank),
                    *(score_text(leak) if leak else NOT_YET for leak in own.values()),
                    strongest.read_text() if strongest else NOT_YET,
                    _less(strongest, _strongest(leaks[base]), rank, ranks.get(_WHOLE)) if base else "",
                ]
            )
        less = "less than unpruned in the same memory: rank-1; PSNR, SSIM of the strongest attack"
        headings = ["head", "MiB; MMAC", "rank-1", "white box", "black box", "the judge reads", less]
        less_by = [
            Claim(f"`{name}` leaks less than the unpruned head in its memory", leaks[name], leaks[base])
            for name, base in room_of.items()
        ]
        whole = f"`{_WHOLE}@layer4`, nearly the whole model, leaks less than the pruned head at `layer4`"
        less_by.append(Claim(whole, leaks[f"{_WHOLE}@layer4"], leaks[f"{_WHOLE}-patrol@layer4"]))
        boxes = (white_less_than_black(f"a white box gets less than a black box from `{n}`", leaks[n]) for n in leaks)
        return {"heads": "\n".join((f"{table(headings, rows)}\n", claims(less_by), *boxes))}

    def _setup(self, name: str) -> Setup:
        target, _, cut = name.partition("@")
        return Setup(f"heads-{name.replace('@', '-')}", name, self.world, cut, target=target)

    def _profiles(self, root: Path) -> dict[str, ProfileRecord]:
        """By ``TARGET@CUT`` with the stage in place of its last block."""
        if not self.costs.done(root):
            return {}
        found = open_results(self.costs.folder(root)).profiles
        return {f"{each.design.target}@{each.design.cut.partition('.')[0]}": each for each in found}


Figures = Mapping[str, float]


def _rank(rank: Figures | None) -> str:
    if rank is None:
        return NOT_YET
    probes = int(rank["probes"])
    found = share_interval(round(rank["rank_1"] * probes / 100), probes)
    return f"{with_interval(rank['rank_1'], found and (100 * found[0], 100 * found[1]), 1)} %"


def _strongest(leaks: Mapping[Box, Leak | None]) -> Leak | None:
    found = [leak for leak in leaks.values() if leak]
    return stronger(*found) if len(found) == len(leaks) else None


def _less(leak: Leak | None, base: Leak | None, rank: Figures | None, before: Figures | None) -> str:
    if not (leak and base and rank and before):
        return NOT_YET
    shares = (100 * (1 - leak.mean(metric).mean / base.mean(metric).mean) for metric in ("psnr", "ssim"))
    return f"{before['rank_1'] - rank['rank_1']:.1f} points; {', '.join(f'{share:.0f} %' for share in shares)}"
