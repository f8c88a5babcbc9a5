"""Worlds of the studies of class inversion: people in photographs, and the vehicles of streetcam, both at 64 px."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.results.steps import Step

SEED = 1
"""Of trainings, and so of which pictures are held back. Settings of `latent` were chosen with seed 0."""
EPOCHS, KEPT = 12, 2
"""Of every classifier, and of the snapshots along its training."""
GAN, INVERSION_GAN, CGAN, CDM, STUDENTS = "gan", "inversion-gan", "cgan", "cdm", "students"
_BUDGETS: Mapping[str, tuple[str, ...]] = {
    GAN: ("--gan-width", "16", "--gan-steps", "1500"),
    INVERSION_GAN: ("--gan-width", "16", "--gan-steps", "1500"),
    CGAN: ("--gan-width", "8", "--gan-steps", "800"),
    CDM: ("--unet-widths", "64", "96", "--unet-steps", "2000"),
    STUDENTS: (),
}
"""What trains in twenty minutes of one core."""
_ONCE_A_CLASS = ("ked-mi", "lomma", "vmi")
"""Attacks that look for a distribution, and take as long for many pictures of a class as for one."""


@dataclass(frozen=True)
class AttackedTarget:
    """A classifier under attack.

    Attributes:
        title: of its row.
        training: that left it.
        word: how commands name it; ``{target}`` is the training's folder.
    """

    title: str
    training: Step
    word: str = "defended:{target}"

    @property
    def snapshot(self) -> str:
        """Name of the snapshot along the training; empty: its end."""
        return self.word.rpartition("/")[2] if "/" in self.word else ""


@dataclass(frozen=True)
class InversionWorld:
    """Who is private, what the attacker has, and what trainings and attacks of it cost.

    Attributes:
        name: of its steps and marks.
        people: what the classes are called.
        classes: how many are attacked, all there are.
        start_data: flags of the public stage's pictures.
        private_data: flags of trainings on the private pictures.
        public_data: flags of trainings of generators.
        shown: flags of `keyhole invert` for private and public pictures and the judge.
        architecture: of the target, with what its public stage starts from.
        evaluator: architecture of the evaluation classifier.
        autoencoder: for diffusion models.
        shipped_prior: whether `guided` takes the shipped prior; else one is trained.
        minutes: of one core, by step, and of each attack's two pictures of every class.
        per_class: pictures of each class.
    """

    name: str
    people: str
    classes: int
    start_data: tuple[str, ...]
    private_data: tuple[str, ...]
    public_data: tuple[str, ...]
    shown: tuple[str, ...]
    architecture: tuple[str, ...]
    evaluator: str
    autoencoder: str
    shipped_prior: bool
    minutes: Mapping[str, float] = field(default_factory=dict)
    per_class: int = 2

    @cached_property
    def start(self) -> Step:
        """The public stage: knows the domain, and nobody private."""
        return self._public_stage("start", self.architecture)

    @cached_property
    def target(self) -> AttackedTarget:
        """The undefended classifier, trained by the loop that defended ones go through, with snapshots along it."""
        return AttackedTarget("undefended", self.defended("undefended", "smoothing:weight=0"))

    @cached_property
    def plain(self) -> Step:
        """An undefended classifier by `keyhole train target`: PATROL starts from none of `keyhole train defence`."""
        return self._classifier("plain", self.architecture[:2], self.start, EPOCHS, "target")

    @cached_property
    def evaluating(self) -> Step:
        """The evaluation classifier: another architecture, the same training pictures."""
        own = ("--architecture", self.evaluator)
        return self._classifier("evaluator", own, self._public_stage("evaluator-start", own), 20)

    def defended(self, name: str, method: str) -> Step:
        """A classifier that is trained by a method, from the public stage on."""
        told = ("train", "defence", "--method", method, "--target", "{start}", *self.private_data)
        epochs = ("--epochs", str(EPOCHS), "--keep-every", str(KEPT), "--seed", str(SEED), "--workers", "1")
        return self._folder(name, (*told, *epochs), {"start": self.start}, "bido" if "bido" in method else "target")

    def generator(self, kind: str, target: AttackedTarget | None = None) -> Step:
        """A generator; all but ``gan`` learn a target's answers."""
        told = ("train", "prior", "--kind", kind, *self.public_data, "--size", "64", *_BUDGETS[kind], "--workers", "1")
        if kind == CDM:
            told = (*told, "--autoencoder", self.autoencoder)
        if target is None:
            return self._folder(kind, told)
        place = f"-{target.snapshot}" if target.snapshot else ""
        name = f"{target.training.name.removeprefix(f'{self.name}-')}{place}-{kind}"
        return self._folder(name, (*told, "--target", target.word), {"target": target.training}, kind)

    @cached_property
    def prior(self) -> Step | None:
        """What `guided` knows of pictures, where that is not shipped."""
        if self.shipped_prior:
            return None
        widths = ("--unet-widths", "64", "96", "--unet-steps", "2000", "--autoencoder", self.autoencoder)
        return self._folder("prior", ("train", "prior", *self.public_data, "--size", "64", *widths, "--workers", "1"))

    def invert(
        self,
        name: str,
        target: AttackedTarget,
        attacks: Sequence[str],
        generators: Sequence[Step] = (),
        *,
        flags: tuple[str, ...] = (),
        gathered: tuple[Step, ...] = (),
        per_class: int | None = None,
        evaluated: bool = False,
    ) -> Step:
        """Attacks on a target, with their figures, their pictures and a sheet in the step's folder."""
        count = per_class or self.per_class
        needs = {"target": target.training} | {f"generator{at}": step for at, step in enumerate(generators)}
        told = ("invert", "--target", target.word, *self.shown, "--private-seed", str(SEED), "--workers", "1")
        told = (*told, "--attacks", *attacks, "--classes", f"0-{self.classes - 1}", "--per-class", str(count))
        if generators:
            told = (*told, "--generators", *(f"{{generator{at}}}" for at in range(len(generators))))
        if "guided" in attacks and self.prior:
            told, needs["prior"] = (*told, "--prior", "{prior}"), self.prior
        if evaluated:
            told, needs["evaluator"] = (*told, "--evaluator", "{evaluator}"), self.evaluating
        told = (*told, *flags, "--out", "{own}/pictures", "--sheet", "{own}/sheet.jpg")
        costs = () if gathered else (self._minutes_of(word, count) for word in attacks)
        spent = self.minutes["opened"] + sum(costs)
        return Step(f"{self.name}-{name}", "figures", told, needs, gathered=gathered, minutes=spent)

    def _minutes_of(self, word: str, count: int) -> float:
        attack = word if word in self.minutes else word.partition("/")[0]
        return self.minutes[attack] * (1.0 if attack in _ONCE_A_CLASS else count / 2)

    def _public_stage(self, name: str, architecture: tuple[str, ...]) -> Step:
        told = ("train", "target", "--task", "pretraining", *self.start_data, *architecture, "--stages", "64:6")
        return self._folder(name, (*told, *_SHARED))

    def _classifier(self, name: str, architecture: tuple[str, ...], start: Step, epochs: int, costs: str = "") -> Step:
        told = ("train", "target", *self.private_data, *architecture, "--init", "{start}", "--stages", f"64:{epochs}")
        return self._folder(name, (*told, *_SHARED, "--seed", str(SEED)), {"start": start}, costs)

    def _folder(
        self, name: str, told: tuple[str, ...], needs: Mapping[str, Step] | None = None, costs: str = ""
    ) -> Step:
        return Step(f"{self.name}-{name}", "folder", told, needs or {}, minutes=self.minutes.get(costs or name))


_SHARED = ("--size", "64", "--workers", "1")


def faces(data: Path, judge: Path, autoencoder: Path, per_class: int = 2) -> InversionWorld:
    """The 62 people of a zip or folder with ``private/`` and ``public/``, judged by a network for faces.

    Minutes are for ResNet-18 and 4,069 public pictures.
    """
    named = ("--data", str(data))
    return InversionWorld(
        name="faces",
        people="people",
        classes=62,
        start_data=named,
        private_data=named,
        public_data=(*named, "--pictures", "4069"),
        shown=("--private", str(data), "--public", str(data), "--judge", str(judge)),
        architecture=("--architecture", "resnet18", "--init", "resnet18-tinyimagenet"),
        evaluator="narrow:vgg13-24",
        autoencoder=str(autoencoder),
        shipped_prior=False,
        minutes={
            **{"start": 12, "target": 6, "bido": 9, "evaluator-start": 8, "evaluator": 6, "prior": 9, "opened": 2},
            **{GAN: 15, INVERSION_GAN: 10, CGAN: 18, CDM: 15, STUDENTS: 11},
            **{"latent": 1.5, "guided": 10, "gmi": 29, "ked-mi": 24, "plg-mi": 25, "lomma": 42, "ppa": 7, "mirror": 2},
            **{"mirror/genetic": 13, "vmi": 8, "brep-mi": 21, "diff-mi": 6},
        },
        per_class=per_class,
    )


def vehicles(per_class: int = 2) -> InversionWorld:
    """Sixty vehicles of streetcam; the attacker has other vehicles by other cameras.

    Minutes are for a ResNet-18 with 16 channels and 4,096 public pictures.
    """
    drawn = ("--pictures", "{cache}")
    own = ("--identities", "60", *drawn)
    return InversionWorld(
        name="vehicles",
        people="vehicles",
        classes=60,
        start_data=("--data", "streetcam", "--part", "public", "--identities", "400", "--views", "12", *drawn),
        private_data=("--data", "streetcam", *own),
        public_data=("--data", "streetcam", "--pool", "public-shifted", "--pictures", "4096"),
        shown=("--private", "streetcam", *own, "--public", "streetcam"),
        architecture=("--architecture", "narrow:resnet18-16"),
        evaluator="narrow:vgg13-16",
        autoencoder="streetcam",
        shipped_prior=True,
        minutes={
            **{"start": 6, "target": 3, "bido": 5, "evaluator-start": 8, "evaluator": 6, "opened": 1},
            **{GAN: 17, INVERSION_GAN: 12, CGAN: 16, CDM: 12, STUDENTS: 8},
            **{"latent": 1, "guided": 6, "gmi": 14, "ked-mi": 12, "plg-mi": 12, "lomma": 24, "ppa": 4, "mirror": 1},
            **{"mirror/genetic": 6, "vmi": 5, "brep-mi": 9, "diff-mi": 4},
        },
        per_class=per_class,
    )
