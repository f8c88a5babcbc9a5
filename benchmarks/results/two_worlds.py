"""Where the two worlds meet: what a split classifier leaks of whom it was trained on, and of its user's picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.class_worlds import GAN, SEED, AttackedTarget, InversionWorld
from benchmarks.results.designs import BOXES, Box
from benchmarks.results.inversions import PUBLIC_BEST, InversionRun, mean_of, more, percent
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text, stronger
from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Dots, Key, Level, Mark, Symbol, around

CUTS = ("layer1", "layer2", "layer3")
MIDDLE = "layer2"
ATTACKS = ("latent", "mirror")
_BOXES: Mapping[Box, tuple[str, ...]] = {
    "white": ("--attacks", "diffusion-white", "--n", "32", "--batch", "8"),
    "black": (
        "--attacks",
        "decoder-black",
        "--n",
        "100",
        "--batch",
        "20",
        "--iterations",
        "600",
        "--seeds",
        "0",
        "1",
        "2",
    ),
}
_MINUTES: Mapping[Box, float] = {"white": 4, "black": 5}
_PAPERS: Mapping[str, tuple[str, Symbol]] = {
    "undefended": ("#667085", "star"),
    "training people": ("#e8901a", "circle"),
    "user's picture": ("#3b82f6", "square"),
}
"""What a design protects, by its paper."""


@dataclass(frozen=True)
class MetDesign:
    """A classifier, cut somewhere, and what leaks of both kinds.

    Attributes:
        name: of its steps.
        target: the classifier.
        cut: where features leave the edge.
        protects: a key of `_PAPERS`.
        defence: at run time.
    """

    name: str
    target: AttackedTarget
    cut: str
    protects: str
    defence: str = "none"

    @property
    def title(self) -> str:
        """Of its row."""
        return f"{self.target.title}, `{self.cut}`"


@dataclass(frozen=True)
class TwoWorlds:
    """One table, one chart and what to choose: every defence of both families against attacks of both kinds, on the
    same targets.

    Attributes:
        world: the vehicles of streetcam, of which the adversary's features show others than those of the training.
    """

    world: InversionWorld

    @cached_property
    def designs(self) -> tuple[MetDesign, ...]:
        """The undefended target and TL-DMI frozen to the cut at every cut, the others at one."""
        world, plain = self.world, self.world.target
        designs = [MetDesign(f"plain-{cut}", plain, cut, "undefended") for cut in CUTS]
        for cut in CUTS:
            target = AttackedTarget(
                "TL-DMI, frozen to the cut", world.defended(f"tl-dmi-{cut}", f"tl-dmi:frozen={cut}")
            )
            designs.append(MetDesign(f"tl-dmi-{cut}", target, cut, "training people"))
        trained = {"bido": ("BiDO", "bido:measure=hsic"), "mid": ("MID", "mid:weight=0.01")}
        for name, (title, method) in trained.items():
            designs.append(
                MetDesign(name, AttackedTarget(title, world.defended(name, method)), MIDDLE, "training people")
            )
        noisy = "gaussian:scale=1"
        nopeek, aware = (
            self._protected("nopeek", "nopeek:weight=50"),
            self._protected("noise", f"noise-aware:defence={noisy}"),
        )
        designs += [
            MetDesign("noise-alone", plain, MIDDLE, "user's picture", noisy),
            MetDesign("noise", AttackedTarget("noise, trained with it", aware), MIDDLE, "user's picture", noisy),
            MetDesign("nopeek", AttackedTarget("NoPeek", nopeek), MIDDLE, "user's picture"),
            MetDesign("patrol", AttackedTarget("PATROL", self._patrol, "pruned:{target}"), "layer3", "user's picture"),
        ]
        return tuple(designs)

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
        runs, leaks = self._runs(root), self._leaks(root)
        headings = [
            "design",
            "natural accuracy",
            "training set",
            "its public floor",
            "features, white box",
            "black box",
        ]
        rows = []
        for design in self.designs:
            run = runs.get(design.name)
            natural, people, floor = (
                (
                    percent(Mean.of(list(run.natural.values()))),
                    percent(run.mean(self._word(runs))),
                    percent(run.mean(PUBLIC_BEST), 0),
                )
                if run
                else (NOT_YET,) * 3
            )
            told = (score_text(leak) if (leak := leaks.get((design.name, box))) else NOT_YET for box in BOXES)
            title = design.title if design.defence == "none" else f"{design.title}, `{design.defence}` at run time"
            rows.append([title, natural, people, floor, *told])
        said = (listed(list(self.claims(runs, leaks))), *self._chosen(runs, leaks))
        image = "![Leak of the training set over leak of the user's picture](training-set-two-worlds.png)"
        return {"two-worlds": "\n\n".join((table(headings, rows), *filter(None, said), *([image] if runs else [])))}

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """Leak of the training set over that of the picture by its stronger box; none where nothing is measured."""
        points = self._points(self._runs(root), self._leaks(root))
        if not points:
            return ()
        dots = []
        for design, people, leak in points:
            colour, symbol = _PAPERS[design.protects]
            ssim, up = leak.mean(HEADLINE), people.interval
            ends = (100 * up[0], 100 * up[1]) if up else None
            label = design.title.replace("`", "")
            mark = Mark(ssim.mean, 100 * people.mean, label=label, across=ssim.interval, up=ends)
            dots.append(Dots((design.protects,), colour, symbol, (mark,)))
        keys = tuple(Key(name, colour, symbol) for name, (colour, symbol) in _PAPERS.items())
        floor = mean_of(self._runs(root)[points[0][0].name].by_class(PUBLIC_BEST))
        across = ChartAxis(
            "user's picture, stronger box (SSIM); less leaks further left",
            around([leak.mean(HEADLINE).mean for _, _, leak in points]),
        )
        up_to = ChartAxis("training set recognised, %", (0.0, 104.0))
        panel = ChartPanel(
            "", across, up_to, levels=(Level("best-liked public picture", "y", 100 * floor),), dots=tuple(dots)
        )
        reading = (
            "A design by what its paper protects. Below and to the left is less of both leaks; bars are 95 % intervals."
        )
        return (Chart("training-set-two-worlds", "what leaks of both worlds", reading, (panel,), keys, height=520),)

    def claims(self, runs: Mapping[str, InversionRun], leaks: Mapping[tuple[str, Box], Leak]) -> Iterator[ClassClaim]:
        """Whether a defence of one kind changes the other leak."""
        for cut in CUTS:
            ours, plain = f"tl-dmi-{cut}", f"plain-{cut}"
            white = self._less(leaks, plain, ours, "white"), self._less(leaks, plain, ours, "black")
            text = f"TL-DMI frozen to `{cut}` leaves the features leaking less"
            yield ClassClaim(text, [(f"{box} box", less) for box, less in zip(BOXES, white, strict=True)], "SSIM", 1)
            if {ours, plain} <= runs.keys():
                word = self._word(runs)
                lost = more(runs[plain].by_class(word), runs[ours].by_class(word))
                yield ClassClaim(f"TL-DMI frozen to `{cut}` protects the training set", [(word, lost)])
        for design in self.designs:
            if design.protects == "user's picture" and design.defence != "gaussian:scale=1" and design.name in runs:
                word, beside = self._word(runs), runs.get(f"plain-{design.cut}")
                lost = more(beside.by_class(word), runs[design.name].by_class(word)) if beside else None
                yield ClassClaim(f"{design.target.title} protects the training set too", [(word, lost)])
        for name in ("bido", "mid"):
            less = [(f"{box} box", self._less(leaks, f"plain-{MIDDLE}", name, box)) for box in BOXES]
            yield ClassClaim(f"{name} leaves the features leaking less", less, "SSIM", 1)

    def _chosen(self, runs: Mapping[str, InversionRun], leaks: Mapping[tuple[str, Box], Leak]) -> Iterator[str]:
        """What to choose: designs that no other one beats in both leaks and in accuracy, by the means."""
        points = self._points(runs, leaks)
        if len(points) < 2:
            return
        facts = {
            design.name: (people.mean, leak.mean(HEADLINE).mean, -mean_of(runs[design.name].natural))
            for design, people, leak in points
        }
        best = [
            design for design, _, _ in points if not any(_beats(other, facts[design.name]) for other in facts.values())
        ]
        people, picture, accuracy = (min(facts, key=lambda name: facts[name][place]) for place in range(3))
        titles = {design.name: design.title for design, _, _ in points}
        yield (
            f"Least leaks of the training set from {titles[people]} ({100 * facts[people][0]:.0f} % recognised), of "
            f"the user's picture from {titles[picture]} (SSIM {facts[picture][1]:.2f}); {titles[accuracy]} is the most "
            f"accurate ({-100 * facts[accuracy][2]:.0f} %). No other design is better in all three than "
            f"{'; '.join(design.title for design in best)}. By the means alone, in this world."
        )

    def _points(
        self, runs: Mapping[str, InversionRun], leaks: Mapping[tuple[str, Box], Leak]
    ) -> list[tuple[MetDesign, Mean, Leak]]:
        points = []
        for design in self.designs:
            both = [leak for box in BOXES if (leak := leaks.get((design.name, box)))]
            people = runs[design.name].mean(self._word(runs)) if design.name in runs else None
            if people and len(both) == len(BOXES):
                points.append((design, people, stronger(*both)))
        return points

    def _word(self, runs: Mapping[str, InversionRun]) -> str:
        """The attack that is told of, the same for all: the stronger one on the undefended target."""
        plain = runs.get(f"plain-{MIDDLE}")
        return (plain.strongest(ATTACKS) if plain else None) or ATTACKS[0]

    @staticmethod
    def _less(leaks: Mapping[tuple[str, Box], Leak], plain: str, ours: str, box: Box) -> Mean | None:
        before, after = leaks.get((plain, box)), leaks.get((ours, box))
        return after.less(before, HEADLINE) if before and after else None

    def _runs(self, root: Path) -> dict[str, InversionRun]:
        return {name: run for name, step in self.recalled.items() if (run := InversionRun.read(step, root))}

    def _leaks(self, root: Path) -> dict[tuple[str, Box], Leak]:
        return {key: Leak.of([step.scores(root)]) for key, step in self.tapped.items() if step.done(root)}

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


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one is at least as small everywhere and smaller somewhere."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
