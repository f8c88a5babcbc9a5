"""Defences at run time against who does not know them, who does, and who has eight frames of a still scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.designs import BOXES, ROOM, Box, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step
from keyhole.bench.store import open_results

_TARGET = "resnet18-streetcam"
DEFENCES = ("none", "gaussian:scale=1", "gaussian:scale=2", "dropout:share=0.75", "topk:share=0.1")
KNOWN: Mapping[str, tuple[str, ...]] = {"unaware": ("--unaware",), "knows": (), "eight frames": ("--frames", "8")}


@dataclass(frozen=True)
class Knowledge:
    """One table: what each attacker gets through each defence, and what the defence costs in rank-1."""

    world: World

    @cached_property
    def attacks(self) -> dict[tuple[str, str, Box], Step]:
        """By defence, what the attacker knows, and box; without a defence there is nothing to know."""
        return {
            (defence, known, box): self._attack(defence, known, flags, box)
            for defence in DEFENCES
            for known, flags in KNOWN.items()
            if defence != "none" or known == "knows"
            for box in BOXES
        }

    @cached_property
    def ranks(self) -> Step:
        """Rank-1 through each defence."""
        told = ("bench", "--preset", "paper", "--only", "accuracy", "--codecs", "fp32", "--links", "none")
        named = (*self.world.model, "--targets", f"{_TARGET}@{ROOM}", "--defences", *DEFENCES)
        return Step("knowledge-ranks", "folder", (*told, *named))

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (self.ranks, *self.attacks.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured."""
        ranks = {}
        if self.ranks.done(root):
            found = open_results(self.ranks.folder(root)).accuracies
            ranks = {each.design.defence: f"{each.value:.1f} %" for each in found if each.design.cut.startswith(ROOM)}
        headings = ["defence", "rank-1", *(f"{box} box: {known}" for box in BOXES for known in KNOWN)]
        rows = []
        for defence in DEFENCES:
            told = (self._told(defence, known, box, root) for box in BOXES for known in KNOWN)
            rows.append([f"`{defence}`", ranks.get(defence, NOT_YET), *told])
        return {"knowledge": table(headings, rows)}

    def _told(self, defence: str, known: str, box: Box, root: Path) -> str:
        step = self.attacks.get((defence, known, box))
        if step is None:
            return ""
        return score_text(Leak.of([step.scores(root)])) if step.done(root) else NOT_YET

    def _attack(self, defence: str, known: str, flags: tuple[str, ...], box: Box) -> Step:
        told = (*self.world.attack(box), "--target", _TARGET, "--cuts", ROOM, "--defence", defence, *flags)
        name = f"knowledge-{defence.partition(':')[0]}-{known.replace(' ', '-')}-{box}"
        return Step(name, "scores", told)
