"""Defences of whom a classifier was trained on: what each takes from attacks that know it, and at what accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.class_worlds import CDM, CGAN, EPOCHS, GAN, KEPT, AttackedTarget
from benchmarks.results.classes import Classes
from benchmarks.results.inversions import PUBLIC_BEST, InversionRun, mean_of, more, percent
from benchmarks.results.layer_shares import early_share
from benchmarks.results.matching import UndefendedCurve
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET
from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean
from keyhole.metrics.verdicts import verdict
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Curve, Dots, Key, Mark, Symbol, around

METHODS: Mapping[str, tuple[str, str]] = {
    "tl-dmi-1": ("TL-DMI, frozen to `layer1`", "tl-dmi:frozen=layer1"),
    "tl-dmi-2": ("TL-DMI, frozen to `layer2`", "tl-dmi:frozen=layer2"),
    "tl-dmi-3": ("TL-DMI, frozen to `layer3`", "tl-dmi:frozen=layer3"),
    "bido-low": ("BiDO, a third of the weights", "bido:inputs=0.0167,labels=0.167"),
    "bido": ("BiDO, published weights", "bido:inputs=0.05,labels=0.5"),
    "bido-high": ("BiDO, three times the weights", "bido:inputs=0.15,labels=1.5"),
    "mid-low": ("MID, weight 0.003", "mid:weight=0.003"),
    "mid": ("MID, weight 0.01", "mid:weight=0.01"),
    "mid-high": ("MID, weight 0.1", "mid:weight=0.1"),
    "smoothing": ("label smoothing, −0.05", "smoothing:weight=-0.05"),
    "tl-dmi-bido": ("TL-DMI to `layer2` with BiDO", "bido:frozen=layer2"),
}
UNDEFENDED, LOWER = "undefended", "undefended-at-4"
"""The end of the undefended training, and an earlier point of it that the strong attacks are run on too."""
ATTACKED = (UNDEFENDED, LOWER, "tl-dmi-2", "bido", "mid")
"""That the attacks are run on which train generators of their own against the target."""
CHEAP, STRONG = ("latent", "mirror"), ("ppa", "plg-mi", "diff-mi")
COMPARED = ("plg-mi", "diff-mi")
_FAMILIES: Mapping[str, tuple[str, Symbol]] = {
    "tl-dmi-bido": ("#d64545", "down"),
    "tl-dmi": ("#e8901a", "circle"),
    "bido": ("#3b82f6", "square"),
    "mid": ("#7b1fa2", "triangle"),
    "smoothing": ("#1b5e20", "diamond"),
}
_GREY = "#667085"
_NO_PRICE = "natural accuracy is not told apart"


@dataclass(frozen=True)
class ClassDefences:
    """Two tables, verdicts, a chart over natural accuracy, and the Fisher information of layers.

    Attributes:
        classes: of the undefended target; its run, of other seeds, says which attack is the strongest.
    """

    classes: Classes

    @cached_property
    def targets(self) -> Mapping[str, AttackedTarget]:
        """By name: the undefended one with its snapshots, then each defence."""
        world, plain = self.classes.world, self.classes.world.target
        snapshots = {
            f"{UNDEFENDED}-at-{epoch}": AttackedTarget(
                f"undefended, after {epoch} epochs", plain.training, f"{plain.word}/at-{epoch}"
            )
            for epoch in range(KEPT, EPOCHS, KEPT)
        }
        made = {name: AttackedTarget(title, world.defended(name, method)) for name, (title, method) in METHODS.items()}
        return {UNDEFENDED: plain, **snapshots, **made}

    @cached_property
    def runs(self) -> Mapping[str, Step]:
        """The attacks on each target, by its name."""
        return {name: self._attacked(name, target) for name, target in self.targets.items()}

    @cached_property
    def layers(self) -> Step:
        """Fisher information of the undefended target's layers."""
        world, target = self.classes.world, self.classes.world.target
        private = world.shown[: world.shown.index("--public")]
        told = ("layers", target.word, *private, "--private-seed", "1", "--workers", "1")
        made = ("--reconstructions", "{run}/pictures/latent", "--plot", "{own}/layers.png")
        needs = {"target": target.training, "run": self.runs[UNDEFENDED]}
        return Step(f"{world.name}-layers", "figures", (*told, *made), needs, minutes=2)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (*self.runs.values(), self.layers, *self.classes.steps)

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        found = {name: run for name, step in self.runs.items() if (run := InversionRun.read(step, root))}
        if UNDEFENDED not in found:
            return dict.fromkeys(("class-defences", "class-defences-gains"), "Not measured.")
        attacks = (*CHEAP, *STRONG)
        headings = ["", "natural accuracy", *(f"`{word}`" for word in attacks), f"`{PUBLIC_BEST}`"]
        rows = [
            [
                self.targets[name].title,
                percent(Mean.of(list(run.natural.values()))),
                *(percent(run.mean(word)) if word in run.rows else "" for word in attacks),
                percent(run.mean(PUBLIC_BEST), 0),
            ]
            for name, run in found.items()
        ]
        strongest = self.strongest(root)
        told = [
            f"The strongest of these attacks, by the run of another seed on the undefended target: "
            f"{f'`{strongest}`' if strongest else NOT_YET}.",
            self._gains(found, strongest),
            listed(list(self.claims(found, strongest))),
            "![Attack accuracy over natural accuracy](training-set-defences.png)",
            *self._layers_told(root),
        ]
        return {"class-defences": table(headings, rows), "class-defences-gains": "\n\n".join(told)}

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """Attack accuracy over natural accuracy, a panel for each attack; none where nothing is measured."""
        found = {name: run for name, step in self.runs.items() if (run := InversionRun.read(step, root))}
        if UNDEFENDED not in found:
            return ()
        words = (CHEAP[0], *COMPARED)
        keys = [Key(UNDEFENDED, _GREY, dash="dashed"), *(Key(name, *look) for name, look in _FAMILIES.items())]
        panels = tuple(self._panel(word, found) for word in words if word in found[UNDEFENDED].rows)
        reading = (
            "The line is the undefended training, from its first snapshot to its end: below it a defence protects."
        )
        title = "attack accuracy over natural accuracy"
        return (Chart("training-set-defences", title, reading, panels, tuple(keys), height=380),)

    def pictures(self, root: Path) -> dict[str, Path]:
        """The plot of the layers."""
        return {"training-set-layers.png": self.layers.folder(root) / "layers.png"}

    def strongest(self, root: Path) -> str | None:
        """The attack of these that the judge recognises most often in the run on the undefended target that is not
        reported here; None where that is not measured."""
        other = InversionRun.read(self.classes.run, root)
        return other.strongest((*CHEAP, *STRONG)) if other else None

    def claims(self, found: Mapping[str, InversionRun], strongest: str | None) -> Iterator[ClassClaim]:
        """TL-DMI's, by every attack of `_told_of` that was run on the defence."""
        words = _told_of(strongest)
        plain = found[UNDEFENDED]
        curves = {word: UndefendedCurve.of(word, self._undefended(found)) for word in words}
        for name in (name for name in METHODS if name.startswith("tl-dmi") and name in found):
            run, title = found[name], METHODS[name][0]
            own = [word for word in words if word in run.rows and word in plain.rows]
            half = [(word, more(_halved(plain.by_class(word)), run.by_class(word))) for word in own]
            yield ClassClaim(f"{title}: half of the attack accuracy is gone, or more", half, sized=True)
            price = more(run.natural, {label: value - 0.06 for label, value in plain.natural.items()})
            yield ClassClaim(f"{title}: 6 points of natural accuracy or less", [("", price)], sized=True)
            matched = [(word, _lead(curves[word].lost(run), 0.1)) for word in own]
            yield ClassClaim(f"{title}: 10 points of attack accuracy at matched natural accuracy", matched, sized=True)
        for rival in ("bido", "mid"):
            ours, theirs = found.get("tl-dmi-2"), found.get(rival)
            if ours is None or theirs is None:
                continue
            own = [word for word in words if word in ours.rows and word in theirs.rows]
            text = f"TL-DMI to `layer2` takes more than {METHODS[rival][0]}"
            lost = [(word, _between(curves[word].lost(ours), curves[word].lost(theirs))) for word in own]
            yield ClassClaim(f"{text}, each at matched natural accuracy", lost)
            ratios = [(word, _between(_ratio(plain, ours, word), _ratio(plain, theirs, word))) for word in own]
            yield ClassClaim(f"{text} for each point of natural accuracy (Δ)", ratios, "", 1, f"undecided, {_NO_PRICE}")

    def _gains(self, found: Mapping[str, InversionRun], strongest: str | None) -> str:
        words = _told_of(strongest)
        plain = found[UNDEFENDED]
        headings = ["points less than undefended", "natural"]
        headings += [text for word in words for text in (f"`{word}`", "Δ", "at matched natural accuracy")]
        rows = []
        for name, run in found.items():
            if name.startswith(UNDEFENDED):
                continue
            cells = [self.targets[name].title, percent(more(plain.natural, run.natural), signed=True)]
            for word in words:
                if word not in run.rows or word not in plain.rows:
                    cells += ["", "", ""]
                    continue
                ratio = _ratio(plain, run, word)
                lost = UndefendedCurve.of(word, self._undefended(found)).lost(run)
                cells.append(percent(more(plain.by_class(word), run.by_class(word)), signed=True))
                cells.append(f"{mean_of(ratio):.2f}" if ratio else _NO_PRICE)
                cells.append(percent(Mean.of(list(lost.values())), signed=True) if lost else "beyond the snapshots")
            rows.append(cells)
        return table(headings, rows)

    def _layers_told(self, root: Path) -> Iterator[str]:
        if not self.layers.done(root):
            return
        shares = early_share(self.layers.scores(root))
        said = verdict(Mean(shares["inversion"] - shares["task"], None))
        text = "Earlier layers matter more to the inversion than to the task"
        yield (
            f"- *{text}*: {said}, one training has no interval: the first half of the layers holds "
            f"{shares['inversion']:.0f} % of the Fisher information of the inversion and {shares['task']:.0f} % of the "
            "task's."
        )
        yield "![Fisher information of each layer](training-set-layers.png)"

    def _attacked(self, name: str, target: AttackedTarget) -> Step:
        world, gan = self.classes.world, self.classes.world.generator(GAN)
        flags = ("--metrics", "psnr", "ssim", "--seed", "1")
        if name not in ATTACKED:
            return world.invert(f"against-{name}", target, CHEAP, (gan,), flags=flags, per_class=1)
        generators = (gan, world.generator(CGAN, target), world.generator(CDM, target))
        return world.invert(f"against-{name}", target, (*CHEAP, *STRONG), generators, flags=flags, per_class=1)

    @staticmethod
    def _undefended(found: Mapping[str, InversionRun]) -> list[InversionRun]:
        return [run for name, run in found.items() if name.startswith(UNDEFENDED)]

    def _panel(self, word: str, found: Mapping[str, InversionRun]) -> ChartPanel:
        curve = UndefendedCurve.of(word, self._undefended(found))
        points = tuple((100 * natural, 100 * mean_of(scores)) for natural, scores in curve.points)
        dots = []
        for name in (name for name in METHODS if name in found and word in found[name].rows):
            run, family = found[name], next(family for family in _FAMILIES if name.startswith(family))
            if y := run.mean(word):
                up = (100 * y.interval[0], 100 * y.interval[1]) if y.interval else None
                mark = Mark(100 * mean_of(run.natural), 100 * y.mean, label=name, up=up)
                dots.append(Dots((family,), *_FAMILIES[family], (mark,)))
        ends = [*(x for x, _ in points), *(mark.x for each in dots for mark in each.marks)]
        across = ChartAxis("natural accuracy, %", around(ends))
        up_to = ChartAxis("recognised (judge, top 1), %", (0.0, 104.0))
        return ChartPanel(word, across, up_to, curves=(Curve(UNDEFENDED, _GREY, points, "dashed"),), dots=tuple(dots))


def _told_of(strongest: str | None) -> tuple[str, ...]:
    """Attacks that gains are told of: the strongest, those that learn the target's labels, and one that was run on all
    targets."""
    return tuple(dict.fromkeys((*([strongest] if strongest else []), *COMPARED, CHEAP[0])))


def _halved(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: value / 2 for name, value in scores.items()}


def _ratio(plain: InversionRun, run: InversionRun, word: str) -> dict[str, float]:
    """Δ of TL-DMI, class by class: what the attack loses over the mean that natural accuracy loses; empty where it is
    not sure that this loses anything."""
    lost = more(plain.natural, run.natural)
    if lost is None or verdict(lost) != "seen":
        return {}
    before, after = plain.by_class(word), run.by_class(word)
    return {name: (before[name] - value) / lost.mean for name, value in after.items() if name in before}


def _lead(lost: Mapping[str, float], least: float) -> Mean | None:
    return more(lost, dict.fromkeys(lost, least)) if lost else None


def _between(one: Mapping[str, float], other: Mapping[str, float]) -> Mean | None:
    return more(one, other) if one and other else None
