"""Where the two worlds meet: what a split classifier leaks of whom it was trained on, and of its user's picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.class_claims import listed
from benchmarks.results.class_worlds import GAN, SEED, AttackedTarget, InversionWorld
from benchmarks.results.classes import Classes
from benchmarks.results.designs import BOXES, Box
from benchmarks.results.inversions import PUBLIC_BEST, InversionRun, mean_of, percent
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step
from benchmarks.results.two_leaks import PEOPLE, PICTURE, UNDEFENDED, BothLeaks, MetDesign
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.charts.chart import (
    Chart,
    ChartAxis,
    ChartPanel,
    Dots,
    Key,
    Level,
    Mark,
    Symbol,
    around,
    from_zero,
)

CUTS = ("layer1", "layer2", "layer3")
MIDDLE = "layer2"
ATTACKS = ("latent", "mirror")
_NOISE = "gaussian:scale=1"
_BOXES: Mapping[Box, tuple[str, ...]] = {
    "white": ("--attacks", "diffusion-white", "--n", "32", "--batch", "8"),
    "black": (
        *("--attacks", "decoder-black", "--n", "100", "--batch", "20", "--iterations", "600"),
        *("--seeds", "0", "1", "2"),
    ),
}
_MINUTES: Mapping[Box, float] = {"white": 4, "black": 5}
_LOOKS: Mapping[str, tuple[str, Symbol]] = {
    UNDEFENDED: ("#667085", "star"),
    PEOPLE: ("#e8901a", "circle"),
    PICTURE: ("#3b82f6", "square"),
}


@dataclass(frozen=True)
class TwoWorlds:
    """One table, one chart and what to choose: every defence of both families against attacks of both kinds, on the
    same targets.

    Attributes:
        classes: of the vehicles of streetcam, of which the adversary's features show others than those of the training.
            Its run, of another seed, says which of the attacks on the training set is the strongest.
    """

    classes: Classes

    @property
    def world(self) -> InversionWorld:
        """Whose classifiers are cut."""
        return self.classes.world

    @cached_property
    def designs(self) -> tuple[MetDesign, ...]:
        """The undefended target and TL-DMI frozen to the cut at every cut, the others at one."""
        world, plain = self.world, self.world.target
        frozen = {cut: world.defended(f"tl-dmi-{cut}", f"tl-dmi:frozen={cut}") for cut in CUTS}
        bido, mid = world.defended("bido", "bido:measure=hsic"), world.defended("mid", "mid:weight=0.01")
        nopeek = self._protected("nopeek", "nopeek:weight=50")
        noise = self._protected("noise", f"noise-aware:defence={_NOISE}")
        return (
            *(MetDesign(f"plain-{cut}", plain, cut, UNDEFENDED) for cut in CUTS),
            *(
                MetDesign(f"tl-dmi-{cut}", AttackedTarget("TL-DMI, frozen to the cut", training), cut, PEOPLE)
                for cut, training in frozen.items()
            ),
            MetDesign("bido", AttackedTarget("BiDO", bido), MIDDLE, PEOPLE),
            MetDesign("mid", AttackedTarget("MID", mid), MIDDLE, PEOPLE),
            MetDesign("noise", AttackedTarget("noise, trained with it", noise), MIDDLE, PICTURE, _NOISE),
            MetDesign("nopeek", AttackedTarget("NoPeek", nopeek), MIDDLE, PICTURE),
            MetDesign("patrol", AttackedTarget("PATROL", self._patrol, "pruned:{target}"), "layer3", PICTURE),
        )

    @cached_property
    def recalled(self) -> Mapping[str, Step]:
        """Class inversion of each design's classifier; what happens to features at run time changes nothing of it."""
        found: dict[str, Step] = {}
        steps: dict[str, Step] = {}
        for design in self.designs:
            training = design.target.training
            if training.name not in steps:
                name = f"met-{training.name.removeprefix(f'{self.world.name}-')}"
                generators = (self.world.generator(GAN),)
                flags = ("--metrics", "psnr", "ssim", "--seed", "1")
                steps[training.name] = self.world.invert(name, design.target, ATTACKS, generators, flags=flags)
            found[design.name] = steps[training.name]
        return found

    @cached_property
    def tapped(self) -> Mapping[tuple[str, Box], Step]:
        """Reconstruction of users' pictures from the features of each design, by its name and the box."""
        return {(design.name, box): self._tap(design, box) for design in self.designs for box in BOXES}

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (*self.recalled.values(), *self.tapped.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The table as far as it is measured, and what to choose."""
        found = self.found(root)
        recalled = f"training set, `{found.word}`"
        headings = ["design", "natural accuracy", recalled, "best-liked public", "features, white box", "black box"]
        rows = []
        for design in self.designs:
            run, natural = found.runs.get(design.name), found.natural.get(design.name)
            told = [percent(run.mean(found.word)), percent(run.mean(PUBLIC_BEST), 0)] if run else [NOT_YET, NOT_YET]
            boxes = (found.features.get((design.name, box)) for box in BOXES)
            title = design.title if design.defence == "none" else f"{design.title}, `{design.defence}` at run time"
            cells = [title, percent(natural) if natural else NOT_YET, *told]
            rows.append([*cells, *(score_text(leak) if leak else NOT_YET for leak in boxes)])
        image = "![Leak of the training set over leak of the user's picture](training-set-two-worlds.png)"
        said = (listed(list(found.claims())), found.choice(), image if found.points else "")
        return {"two-worlds": "\n\n".join((table(headings, rows), *filter(None, said)))}

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """Leak of the training set over that of the picture by its stronger box; none where nothing is measured."""
        found = self.found(root)
        if not found.points:
            return ()
        dots = []
        for design, people, leak in found.points:
            ssim, up = leak.mean(HEADLINE), people.interval
            ends = (100 * up[0], 100 * up[1]) if up else None
            mark = Mark(ssim.mean, 100 * people.mean, label=design.name, across=ssim.interval, up=ends)
            dots.append(Dots((design.protects,), *_LOOKS[design.protects], (mark,)))
        floor = mean_of(found.runs[found.points[0][0].name].by_class(PUBLIC_BEST))
        marks = [mark for each in dots for mark in each.marks]
        ends_across = [end for mark in marks for end in mark.across or (mark.x,)]
        ends_up = [100 * floor, *(end for mark in marks for end in mark.up or (mark.y,))]
        across = ChartAxis("user's picture, stronger box (SSIM); less leaks further left", around(ends_across))
        up_to = ChartAxis("training set recognised, %", from_zero(ends_up))
        levels = (Level("best-liked public picture", "y", 100 * floor),)
        panel = ChartPanel("", across, up_to, levels=levels, dots=tuple(dots))
        keys = tuple(Key(name, *look) for name, look in _LOOKS.items())
        reading = (
            "A mark is a design, by what its paper protects; below and to the left less leaks. Bars: 95 % intervals."
        )
        return (Chart("training-set-two-worlds", "what leaks of both worlds", reading, (panel,), keys, height=520),)

    def found(self, root: Path) -> BothLeaks:
        """What is measured so far. The attack on the training set is the stronger one in another run, or the first."""
        other = InversionRun.read(self.classes.run, root)
        word = (other.strongest(ATTACKS) if other else None) or ATTACKS[0]
        runs = {name: run for name, step in self.recalled.items() if (run := InversionRun.read(step, root))}
        features = {key: Leak.of([step.scores(root)]) for key, step in self.tapped.items() if step.done(root)}
        natural = {
            design.name: self._natural(design, runs[design.name], root)
            for design in self.designs
            if design.name in runs
        }
        return BothLeaks(self.designs, runs, features, natural, word)

    @staticmethod
    def _natural(design: MetDesign, run: InversionRun, root: Path) -> Mean:
        """Accuracy of the classifier; with a defence at run time as the training has measured it with that."""
        if design.defence == "none":
            return Mean.of(list(run.natural.values()))
        return Mean(design.target.training.card(root)["figures"]["top1"] / 100, None)

    def _protected(self, name: str, method: str) -> Step:
        target = self.world.target
        told = ("train", "defence", "--method", method, "--target", target.word, "--cut", MIDDLE, "--epochs", "12")
        return self._after(name, told, target.training)

    @cached_property
    def _patrol(self) -> Step:
        told = ("train", "patrol", "--target", "{target}", "--cut", "layer3", "--room", MIDDLE)
        return self._after("patrol", told, self.world.plain)

    def _after(self, name: str, told: Sequence[str], target: Step) -> Step:
        flags = (*told, *self.world.private_data, "--seed", str(SEED), "--workers", "1")
        return Step(f"{self.world.name}-{name}", "folder", flags, {"target": target}, minutes=3)

    def _tap(self, design: MetDesign, box: Box) -> Step:
        told = ("attack", "--target", design.target.word, "--cuts", design.cut, "--defence", design.defence)
        needs = {"target": design.target.training}
        return Step(f"met-{design.name}-{box}", "scores", (*told, *_BOXES[box]), needs, minutes=_MINUTES[box])
