"""Pixels, decoder and diffusion model as generators of the same attack, in both boxes, cut by cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from benchmarks.results.claims import told_more
from benchmarks.results.designs import BOXES
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step
from keyhole.bench.records import Design, LeakRecord, ScaleRecord
from keyhole.bench.store import open_results
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE

GENERATORS = ("pixels", "decoder", "diffusion")
CUTS: Mapping[str, tuple[str, ...]] = {
    "resnet18-streetcam": ("layer1.0", "layer2.0", "layer3.0", "layer4.0"),
    "vit-tiny-streetcam": ("blocks.1", "blocks.4", "blocks.7", "blocks.10"),
}
"""Of the benchmark's preset ``standard``."""
LEARNED: Mapping[str, tuple[str, ...]] = {
    "resnet18-streetcam": ("layer1.0", "layer2.0", "layer3.0"),
    "vit-tiny-streetcam": ("blocks.4",),
}
"""Where networks to latents are trained too, which takes an hour."""
CODEC = "int8"
Leaks = Mapping[str, Mapping[str, Leak]]
"""By attack, by cut."""


@dataclass(frozen=True)
class Generators:
    """Two tables a model: what each attack gets, and what a generator gains over the one before it.

    All attacks are those of the benchmark, of its pictures and with its budgets, so that the benchmark's run is a step
    of this study and is not repeated.
    """

    @cached_property
    def standard(self) -> Step:
        """White boxes, and black boxes to pixels, at all cuts."""
        return Step("standard", "folder", ("bench", "--preset", "standard", "--workers", "2"))

    @cached_property
    def networks(self) -> Step:
        """Black boxes to latents."""
        told = ("bench", "--preset", "standard", "--workers", "2", "--only", "leak", "--links", "none")
        targets = (f"{target}@{','.join(cuts)}" for target, cuts in LEARNED.items())
        attacks = ("--attacks", "decoder-black", "diffusion-black")
        return Step("networks", "folder", (*told, "--defences", "none", *attacks, "--targets", *targets))

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return self.standard, self.networks

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        runs = [open_results(step.folder(root)) for step in self.steps if step.done(root)]
        leaks = [leak for run in runs for leak in run.leaks]
        scales = {scale.design.target: scale for run in reversed(runs) for scale in run.scales}
        told: dict[str, list[str]] = {"generators": [], "generators-gains": []}
        for target, cuts in CUTS.items():
            found = {
                f"{generator}-{box}": {
                    cut: leak
                    for cut in cuts
                    if (leak := leak_of(leaks, scales.get(target), target, cut, f"{generator}-{box}"))
                }
                for box in BOXES
                for generator in GENERATORS
            }
            told["generators"].append(_scores(target, cuts, found, scales.get(target)))
            told["generators-gains"].append(_gains(target, cuts, found))
        return {name: "\n\n".join(texts) for name, texts in told.items()}


def leak_of(leaks: Sequence[LeakRecord], scale: ScaleRecord | None, target: str, cut: str, attack: str) -> Leak | None:
    """What an attack got of an undefended design of the benchmark, a training for each seed; None: not measured."""
    design = Design(target, cut, "none", CODEC)
    found = sorted(
        (leak for leak in leaks if (leak.design, leak.attack) == (design, attack)), key=lambda leak: leak.seed
    )
    if not found:
        return None
    scores = [leak.scores for leak in found]
    if scale is None:
        return Leak(scores)
    blind = {metric: floor.scores[metric] for metric in scores[0] if (floor := scale.floor(metric))}
    return Leak(scores, blind=blind, scale=scale.thumbnails)


def _scores(target: str, cuts: Sequence[str], leaks: Leaks, scale: ScaleRecord | None) -> str:
    rows = []
    for attack, by_cut in leaks.items():
        cells = [score_text(by_cut[cut]) if cut in by_cut else "" for cut in cuts]
        rows.append([f"`{attack}`", _pictures(by_cut), *(cells if by_cut else [NOT_YET] * len(cuts))])
    floor = scale.floor(HEADLINE) if scale else None
    blind = Mean.of(floor.scores[HEADLINE]).text(3) if floor else NOT_YET
    rows.append(
        ["blind attacker", str(len(floor.scores[HEADLINE])) if floor else "", *[f"nothing; {blind}"] * len(cuts)]
    )
    return table([target, "pictures", *(f"`{cut}`" for cut in cuts)], rows)


def _pictures(by_cut: Mapping[str, Leak]) -> str:
    """Pictures and seeds of an attack, the fewest of its cuts."""
    if not by_cut:
        return ""
    pictures = min(len(leak.pictures(HEADLINE)) for leak in by_cut.values())
    seeds = min(len(leak.trainings) for leak in by_cut.values())
    return f"{pictures}, {seeds} seeds" if seeds > 1 else str(pictures)


def _gains(target: str, cuts: Sequence[str], leaks: Leaks) -> str:
    rows = []
    for box in BOXES:
        for before, after in pairwise(GENERATORS):
            more, less = leaks[f"{after}-{box}"], leaks[f"{before}-{box}"]
            cells = [told_more(more.get(cut), less.get(cut)) for cut in cuts]
            rows.append([f"`{after}-{box}` more than `{before}-{box}`", *cells])
    for attack, by_cut in leaks.items():
        cells = [told_more(by_cut.get(cut), by_cut.get(deeper)) for cut, deeper in pairwise(cuts)]
        rows.append([f"`{attack}` more than at the next cut", *cells, ""])
    return table([target, *(f"`{cut}`" for cut in cuts)], rows)
