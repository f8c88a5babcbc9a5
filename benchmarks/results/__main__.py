"""``python -m benchmarks.results``: run studies, print their tables, and write them into a page."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import tyro

from benchmarks.results.ablations import Ablations
from benchmarks.results.class_defences import ClassDefences
from benchmarks.results.class_parts import ClassLosses, DiffMiParts
from benchmarks.results.class_worlds import faces, vehicles
from benchmarks.results.classes import DIFF_MI_PARTS, Classes
from benchmarks.results.clips import Clips
from benchmarks.results.defences import Defences
from benchmarks.results.designs import World
from benchmarks.results.detection import DetectorCuts
from benchmarks.results.faces import RealFaces
from benchmarks.results.generators import Generators
from benchmarks.results.heads import Heads
from benchmarks.results.knowledge import Knowledge
from benchmarks.results.learning import COUNTS, Learning
from benchmarks.results.page import filled
from benchmarks.results.recipes import Recipes
from benchmarks.results.steps import Step, in_order, run_steps
from benchmarks.results.terms import Terms
from benchmarks.results.text import Text
from benchmarks.results.two_worlds import TwoWorlds
from keyhole.presentation.charts.chart import Chart
from keyhole.presentation.charts.png import png
from keyhole.service.errors import UsageError

OfFeatures = Literal[
    "generators",
    "recipes",
    "heads",
    "defences",
    "terms",
    "knowledge",
    "learning",
    "ablations",
    "faces",
    "detection",
    "clips",
    "text",
]
OfClasses = Literal["classes", "classes-streetcam", "class-defences", "losses", "diff-mi-ablation", "two-worlds"]


class Study(Protocol):
    """A study: its commands, and its tables by the name of their marks."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All commands."""

    def tables(self, root: Path) -> Mapping[str, str]:
        """Tables in Markdown of what is measured so far, by name."""


@runtime_checkable
class ChartedStudy(Study, Protocol):
    """A study whose tables show charts, PNG files beside the page."""

    def charts(self, root: Path) -> Sequence[Chart]:
        """Charts of what is measured so far."""


@runtime_checkable
class IllustratedStudy(Study, Protocol):
    """A study whose tables show pictures that its commands have made."""

    def pictures(self, root: Path) -> Mapping[str, Path]:
        """Files, by the names that they have beside the page."""


@dataclass(frozen=True)
class ResultsSettings:
    """Run the studies behind tables of docs/results.md and docs/training-set.md, and write the tables.

    Every study is a list of `keyhole` commands with JSON behind each; a run that is stopped goes on where it was, and
    what is done is not done again. Nothing that a training chooses by is reported: the vehicles of an epoch's line are
    others than those of the card.

        python -m benchmarks.results --out runs/results --studies defences terms --page docs/results.md
        python -m benchmarks.results --out runs/results --studies faces --faces lfw-112.zip --autoencoder taef2
        python -m benchmarks.results --out runs/results --studies defences --dry-run
        python -m benchmarks.results --out runs/results --studies classes class-defences losses diff-mi-ablation \\
            --faces lfw-112.zip --judge mobilefacenet.npz --autoencoder taef2 --page docs/training-set.md
        python -m benchmarks.results --out runs/results --studies classes-streetcam two-worlds \\
            --page docs/training-set.md

    On two idle cores about an hour for heads, two and a half for defences, one and a half more for terms, one for
    knowledge, three quarters of one for learning, two for recipes, two for faces, one for generators and three more for
    the benchmark that they need: guesses from the times of single steps. Fewer
    --batches make it shorter; with 60 a pruned head finds 4 % of the vehicles again, and nothing can be compared.
    """

    out: Path
    """Folder of all results; one for all studies, which share what is the same."""
    studies: tuple[OfFeatures | OfClasses, ...] = ("heads", "defences", "terms", "knowledge")
    """Which: heads (the shipped ones of PATROL), and at 64 px defences (PATROL and its rivals, all trained anew), terms
    (of PATROL) and knowledge (who knows of a defence); learning (how many steps a black box needs); ablations (of the
    feature-inversion paper); generators (pixels, decoder and diffusion model, with the benchmark's preset standard);
    recipes (the papers' own beside ours); faces (LFW; needs --faces and --autoencoder); detection (a detector's
    backbone at three cuts); clips (four frames of a scene together and apart, also of --videos); text
    (captions, words and wrong ones at the deepest cuts, with a prior that is trained for them). Of training sets:
    classes (every attack on a classifier of faces), class-defences, losses and diff-mi-ablation on the same, all of
    which need --judge too; classes-streetcam and two-worlds on vehicles."""
    page: Path | None = None
    """Page of Markdown whose marks the tables of every finished study are written between; charts go beside it."""
    trainings: int = World.trainings
    """Trainings of each design, with seeds 0, 1, …"""
    batches: int = World.batches
    """Batches of 64 pictures that each training takes."""
    steps: tuple[int, ...] = COUNTS
    """Steps of training after which learning scores a black box, each twice the number before."""
    videos: Path | None = None
    """Zip or folder with a folder of numbered frames for each video, for clips besides those of streetcam."""
    faces: Path | None = None
    """Zip or folder of faces, a folder for each person."""
    autoencoder: Path | None = None
    """Folder of the autoencoder for the faces' prior, as for `keyhole train prior --autoencoder`."""
    judge: Path | None = None
    """Who says whom faces show, as for `keyhole invert --judge`."""
    per_class: int = 2
    """Pictures that attacks on training sets make of each class; of 1 nothing is known of diversity."""
    jobs: int = 2
    """Commands at a time, of one thread each."""
    dry_run: bool = False
    """Print the commands, with minutes of one core where they are known; run none."""
    tables_only: bool = False
    """Run nothing; tell what is there."""


def studies_of(settings: ResultsSettings) -> dict[str, Study]:
    """The studies that flags name.

    Raises:
        UsageError: a number below 1, steps that are not doubled, or a study lacks its data.
    """
    for name in ("trainings", "batches", "per_class", "jobs"):
        if getattr(settings, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} {getattr(settings, name)}: expected 1 or more")
    steps = settings.steps
    if steps[0] < 1 or any(more != 2 * fewer for fewer, more in pairwise(steps)):
        raise UsageError(f"--steps {' '.join(map(str, steps))}: expected each twice the number before, as 150 300 600")
    world = World(trainings=settings.trainings, batches=settings.batches)
    found: dict[str, Study] = {
        "generators": Generators(),
        "recipes": Recipes(world),
        "heads": Heads(World(side=128)),
        "defences": Defences(world),
        "terms": Terms(world),
        "knowledge": Knowledge(world),
        "learning": Learning(World(side=128), steps),
        "ablations": Ablations(World(side=128)),
        "detection": DetectorCuts(World(side=128)),
        "text": Text(World(side=128)),
        "clips": Clips(world, settings.videos and settings.videos.absolute()),
    }
    on_streetcam = Classes(vehicles(settings.per_class), published=True)
    found |= {"classes-streetcam": on_streetcam, "two-worlds": TwoWorlds(on_streetcam)}
    if settings.faces and settings.autoencoder:
        found["faces"] = RealFaces(settings.faces.absolute(), settings.autoencoder.absolute())
        found |= _of_faces(settings.faces, settings.autoencoder, settings.judge, settings.per_class)
    if missing := [name for name in settings.studies if name not in found]:
        told = "--faces and --autoencoder" if missing == ["faces"] else "--faces, --autoencoder and --judge"
        raise UsageError(f"--studies {' '.join(missing)}: give {told} too")
    return {name: found[name] for name in settings.studies}


def _of_faces(data: Path, autoencoder: Path, judge: Path | None, per_class: int) -> dict[str, Study]:
    if judge is None:
        return {}
    world = faces(data.absolute(), judge.absolute(), autoencoder.absolute(), per_class)
    classes = Classes(world, parts=DIFF_MI_PARTS)
    return {
        "classes": classes,
        "class-defences": ClassDefences(classes),
        "losses": ClassLosses(classes),
        "diff-mi-ablation": DiffMiParts(classes),
    }


def planned(steps: Sequence[Step], root: Path) -> Iterator[str]:
    """The commands in a line each, with what they take, and what all that is not done takes."""
    every = in_order(steps)
    for step in every:
        minutes = "      " if step.minutes is None else f"{step.minutes:3.0f} min"
        yield f"{'done' if step.done(root) else minutes}  keyhole {shlex.join(step.command(root))}"
    left = [step for step in every if not step.done(root)]
    known = [step.minutes for step in left if step.minutes is not None]
    if known:
        unknown = f" and {len(left) - len(known)} steps of which nobody has said" if len(known) < len(left) else ""
        yield f"{len(left)} of {len(every)} steps are left: {sum(known) / 60:.1f} hours of one core{unknown}"


def main(settings: ResultsSettings) -> int:
    """Run, print and write; return the exit code: 1 where a command failed."""
    studies, root = studies_of(settings), settings.out.absolute()
    steps = [step for study in studies.values() for step in study.steps]
    if settings.dry_run:
        for line in planned(steps, root):
            print(line)
        return 0
    failed = [] if settings.tables_only else run_steps(steps, root, settings.jobs)
    finished: dict[str, str] = {}
    drawn: list[Chart] = []
    copied: dict[str, Path] = {}
    for name, study in studies.items():
        tables, every = study.tables(root), in_order(study.steps)
        missing = [step.name for step in every if not step.done(root)]
        for table, text in tables.items():
            print(f"\n{table}\n\n{text}")
        if missing:
            print(f"\n{name}: {len(missing)} of {len(every)} steps are not done; its tables are not written")
        else:
            finished |= tables
            drawn += study.charts(root) if isinstance(study, ChartedStudy) else ()
            copied |= study.pictures(root) if isinstance(study, IllustratedStudy) else {}
    if settings.page and finished:
        page = filled(settings.page.read_text(encoding="utf-8"), finished)
        for chart in drawn:
            settings.page.with_name(f"{chart.name}.png").write_bytes(png(chart))
        for name, file in copied.items():
            shutil.copyfile(file, settings.page.with_name(name))
        settings.page.write_text(page, encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(ResultsSettings)))
    except UsageError as error:
        sys.exit(f"error: {error}")
