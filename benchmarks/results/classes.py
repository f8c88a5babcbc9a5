"""Every attack on one undefended classifier: whom the pictures show, how near they are to private ones, and what of the
papers' trends is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from benchmarks.results.class_chart import accuracy_fidelity
from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.class_worlds import CDM, CGAN, GAN, INVERSION_GAN, STUDENTS, InversionWorld
from benchmarks.results.inversions import NEAREST, PUBLIC_BEST, REAL, TOP1, InversionRun, more, number, percent
from benchmarks.results.page import table
from benchmarks.results.steps import Step
from keyhole.evaluation.classes.published import TRENDS
from keyhole.metrics.interval import Mean
from keyhole.metrics.verdicts import verdict
from keyhole.presentation.charts.chart import Chart

BASELINE = "latent"
"""Trains nothing; what every attack with a generator must beat."""
DIFF_MI_PARTS = ("diff-mi/no-tuning", "diff-mi/no-pgd", "diff-mi/ce", "diff-mi/max-margin")
PIXELS = ("psnr", "ssim", "fsim", "vsi", "haarpsi", "sr_sim", "dss", "mdsi")
_FEW = ("--metrics", "psnr")
_GUESSED = (TOP1, "top5", "verified")


@dataclass(frozen=True)
class Classes:
    """Tables of recognition and of fidelity, verdicts, one chart and one sheet.

    Attributes:
        world: who is private.
        published: whether its sheet may stand beside the page: not where it shows real people.
        parts: recipes of Diff-MI that are run beside it, for a table of its parts.
    """

    world: InversionWorld
    published: bool = False
    parts: tuple[str, ...] = ()

    @cached_property
    def groups(self) -> Mapping[str, Step]:
        """Attacks that share generators; groups run beside each other."""
        world, target = self.world, self.world.target
        gan = world.generator(GAN)
        known, labelled, students = (world.generator(kind, target) for kind in (INVERSION_GAN, CGAN, STUDENTS))
        attacks = {
            "fitted": ((BASELINE, "guided"), ()),
            "gmi": (("gmi",), (gan,)),
            "public": (("ppa", "mirror", "mirror/genetic", "vmi", "brep-mi"), (gan,)),
            "ked-mi": (("ked-mi",), (known,)),
            "lomma": (("lomma",), (known, students)),
            "plg-mi": (("plg-mi",), (labelled,)),
        }
        found = {
            name: world.invert(name, target, words, generators, flags=_FEW)
            for name, (words, generators) in attacks.items()
        }
        return {**found, "diffusion": self.diffusion}

    @cached_property
    def diffusion(self) -> Step:
        """Diff-MI, whole and without one of its parts each."""
        world, words = self.world, ("diff-mi", *self.parts)
        return world.invert("diffusion", world.target, words, (world.generator(CDM, world.target),), flags=_FEW)

    @cached_property
    def run(self) -> Step:
        """All attacks scored together, their pictures gathered from the groups."""
        world = self.world
        words = tuple(word for step in self.groups.values() for word in _words(step) if word not in self.parts)
        kinds = (INVERSION_GAN, CGAN, CDM, STUDENTS)
        generators = (world.generator(GAN), *(world.generator(kind, world.target) for kind in kinds))
        flags = ("--metrics", *PIXELS)
        gathered = tuple(self.groups.values())
        return world.invert("all", world.target, words, generators, flags=flags, gathered=gathered, evaluated=True)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (*self.groups.values(), self.run)

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        name, run = self.world.name, InversionRun.read(self.run, root)
        if run is None:
            return dict.fromkeys(
                (f"classes-{name}", f"classes-{name}-fidelity", f"classes-{name}-found"), "Not measured."
            )
        return {
            f"classes-{name}": self._recognition(run),
            f"classes-{name}-fidelity": self._fidelity(run),
            f"classes-{name}-found": "\n\n".join((listed(list(self.claims(run))), *self._shown(run))),
        }

    def charts(self, root: Path) -> tuple[Chart, ...]:
        """Accuracy over fidelity; none where nothing is measured."""
        run = InversionRun.read(self.run, root)
        return () if run is None else (accuracy_fidelity(f"training-set-{self.world.name}", run),)

    def pictures(self, root: Path) -> dict[str, Path]:
        """The sheet, by the name that it has beside the page."""
        return {self._sheet: self.run.folder(root) / "sheet.jpg"} if self.published else {}

    def claims(self, run: InversionRun) -> Iterator[ClassClaim]:
        """The papers' trends, and what each attack must show."""
        for trend in TRENDS:
            if leads := trend.leads(partial(_lead, run)):
                told = [(f"against {word.removesuffix('/strong')}", lead) for word, lead in leads]
                yield ClassClaim(trend.says, told) if trend.shares else ClassClaim(trend.says, told, "", 1)
        rivals = [word for word in run.attacks if word not in ("diff-mi", BASELINE)]
        if "diff-mi" in run.rows:
            nearer = [(f"than {word}", _nearer(run, "diff-mi", word)) for word in rivals]
            yield ClassClaim("Diff-MI nearest to private pictures of all that train a generator", nearer, "", 1)
        for word in ("plg-mi", "diff-mi"):
            if word in run.rows:
                half = more(run.by_class(word), dict.fromkeys(run.by_class(word), 0.5))
                yield ClassClaim(f"{word} recognised in half of its pictures or more", [("", half)], sized=True)
        for word in run.attacks:
            text = f"{word} recognised 10 points more often than the best-liked public picture"
            yield ClassClaim(text, [("", more(run.by_class(word), run.by_class(PUBLIC_BEST), 0.1))], sized=True)
        leading = run.strongest()
        if leading:
            text = f"a person sees more in pictures of {leading} than in the mean public picture (SSIM)"
            yield ClassClaim(
                text, [("", more(run.by_class(leading, "ssim"), run.by_class("public-mean", "ssim")))], "", 1
            )

    def _shown(self, run: InversionRun) -> Iterator[str]:
        yield self._against_baseline(run)
        name = self.world.name
        yield f"![Recognised by the judge, over nearness to private pictures](training-set-{name}.png)"
        if self.published:
            yield f"![Private {self.world.people} beside what attacks made of them, best class first]({self._sheet})"

    @property
    def _sheet(self) -> str:
        return f"training-set-{self.world.name}.jpg"

    def _against_baseline(self, run: InversionRun) -> str:
        """What each attack is worth beside the one that trains nothing."""
        found = [f"`{word}` {_worth(run, word)}" for word in run.attacks if word != BASELINE]
        return f"Beside `{BASELINE}`, which trains nothing: {'; '.join(found)}."

    def _recognition(self, run: InversionRun) -> str:
        headings = [
            *("pictures of", "knows", "judge, top 1", "top 5", "above best-liked public", "verified"),
            *("evaluator, top 1", "top 5", "target itself", "s a picture"),
        ]
        rows = [
            [
                f"`{word}`",
                run.rows[word].get("knowledge", ""),
                percent(run.mean(word, TOP1)),
                percent(run.mean(word, "top5")),
                "" if word == REAL else percent(more(run.by_class(word), run.by_class(PUBLIC_BEST)), signed=True),
                percent(run.mean(word, "verified")),
                percent(run.mean(word, "evaluator_top1")),
                percent(run.mean(word, "evaluator_top5")),
                percent(run.mean(word, "target_confidence"), 0),
                f"{each:.1f}" if (each := run.rows[word].get("seconds_per_picture")) else "",
            ]
            for word in (*run.attacks, *run.public, REAL)
        ]
        chance = run.document["guessing"]
        top1, top5, verified = (f"{100 * chance[name]:.1f}" if chance.get(name) else "" for name in _GUESSED)
        return table(headings, [*rows, ["guessing", "", top1, top5, "", verified, top1, top5, "", ""]])

    def _fidelity(self, run: InversionRun) -> str:
        headings = ["pictures of", "KNN", "KNN, recognised", "feature", "Fréchet", "diversity", "coverage", *PIXELS]
        figures = (
            NEAREST,
            f"{NEAREST}_recognised",
            "feature_distance_judge",
            "frechet_distance_judge",
            "diversity_judge",
        )
        rows = [
            [
                f"`{word}`",
                *(number(run.mean(word, figure)) for figure in figures),
                percent(run.mean(word, "coverage_judge")),
                *(number(run.mean(word, metric), 1 if metric == "psnr" else 3) for metric in PIXELS),
            ]
            for word in (*run.attacks, *run.public, REAL)
        ]
        return table(headings, rows)


def _words(step: Step) -> tuple[str, ...]:
    first = step.arguments.index("--attacks") + 1
    return step.arguments[first : step.arguments.index("--classes")]


def _lead(run: InversionRun, one: str, other: str, figure: str) -> Mean | None:
    first, second = one.removesuffix("/strong"), other.removesuffix("/strong")
    known = first in run.rows and second in run.rows
    return more(run.by_class(first, figure), run.by_class(second, figure)) if known else None


def _gain(run: InversionRun, one: str, other: str) -> Mean | None:
    return more(run.by_class(one), run.by_class(other))


def _nearer(run: InversionRun, one: str, other: str) -> Mean | None:
    return more(run.by_class(other, NEAREST), run.by_class(one, NEAREST))


def _worth(run: InversionRun, word: str) -> str:
    gain, nearer = _gain(run, word, BASELINE), _nearer(run, word, BASELINE)
    if gain is None or nearer is None:
        return "is not compared"
    text = f"({percent(gain, signed=True)} points, {nearer.mean:+.2f} nearer)"
    if verdict(gain) == "seen":
        return f"is recognised more often {text}"
    if verdict(gain) != "the reverse is seen" and verdict(nearer) == "seen":
        return f"is not told apart in accuracy and is nearer {text}"
    return f"is no better in accuracy, nor nearer at equal accuracy {text}"
