"""Flags of ``keyhole invert``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from keyhole.attacks.classes.registry import FLOORS
from keyhole.data.classes import STREETCAM
from keyhole.service.errors import UsageError, check_flags, seed_rule
from keyhole.service.files import DRAWING, INVERSION, SHEET, check_file, check_folder
from keyhole.sizes import OptionalSizeFlag

SuiteName = Literal["quick", "standard"]
ALL = "all"
PUBLIC = 4096
"""Public pictures, where nothing else is said."""
HOW_TO_TRAIN = """`keyhole invert` alone attacks the shipped classifier of 60 vehicles of streetcam. These commands
train another one, and one of another architecture that says whom pictures show, and attack the first:

    keyhole train target --data streetcam --size 64 --architecture narrow:resnet18-16 --out runs/vehicles
    keyhole train target --data streetcam --size 64 --architecture narrow:vgg13-16 \\
        --pictures runs/vehicles --out runs/vehicles-evaluator
    keyhole invert --suite quick --target runs/vehicles --evaluator runs/vehicles-evaluator \\
        --out runs/inverted --sheet inverted.png

The last one takes less than five minutes on two cores that do nothing else; with --dry-run it says what would run."""
NO_EVALUATOR = """No evaluation classifier is asked (--evaluator). One of another architecture is trained on the same
data by `keyhole train target`, such as --architecture narrow:vgg13-16."""


@dataclass(frozen=True)
class InversionSuite:
    """What a suite runs where flags say nothing else.

    Attributes:
        classes: how many, the first ones.
        per_class: pictures of each.
        attacks: words; `all` those that find the generators that they need.
        drawn: public pictures of streetcam, which are drawn first.
    """

    classes: int
    per_class: int
    attacks: tuple[str, ...]
    drawn: int


SUITES: Mapping[SuiteName, InversionSuite] = MappingProxyType(
    {
        "quick": InversionSuite(10, 1, ("latent", "guided"), 1024),
        "standard": InversionSuite(50, 2, (ALL,), PUBLIC),
    }
)


@dataclass(frozen=True)
class InvertSettings:
    """Picture the classes that a classifier was trained on, without any frame, and score what comes out.

    Whoever holds a classifier's weights (or may only ask for its decisions) makes pictures that it takes for a class.
    Where classes are people, these are its training people. Without any flag the shipped classifier of 60 vehicles is
    attacked. For example

        keyhole invert --out runs/inverted --sheet inverted.png
        keyhole invert --target runs/lfw --private lfw-112.zip --public lfw-112.zip --judge mobilefacenet.npz \\
            --attacks latent --classes 0-19 --per-class 5 --out runs/inverted --sheet inverted.png --plot accuracy.png

    An attack knows the classifier and public pictures, which show none of the classes. A judge that is no network under
    attack says whom its pictures show, by the nearest centroid of private pictures that the classifier has not seen,
    among all classes. That is the figure to read. Beside it stand guessing, the rows of public pictures (whom does the
    public picture look like that the classifier likes best?) and real private pictures. What the classifier under
    attack itself thinks of the pictures is no success: it is sure of nearly all that is made for it.

    Distances and pixels are compared with the private pictures that the classifier learned from. Intervals are of the
    mean over classes. Finished pictures are kept in --out, and a run that was stopped goes on from there.
    """

    target: str = ""
    """Classifier to attack: the FOLDER of `keyhole train target --task classification`, defended:FOLDER
    (`keyhole train defence`), a name that `keyhole targets` lists, or package.module:factory. Absent: the shipped
    resnet18-16-vehicles, which knows 60 vehicles of streetcam; resnet18-16-vehicles-tl-dmi, -bido and -mid know the
    same and are defended."""
    attacks: tuple[str, ...] = ()
    """Attacks to run, ATTACK or ATTACK/RECIPE. Without any training: latent (coordinates among public pictures, from
    the mean of some that the classifier likes; recipe best: from the one that it likes best; random: from anywhere;
    decoder, decoder-random: among an autoencoder's latents), guided (a diffusion prior). With a trained generator
    (--generators): diff-mi, plg-mi, ked-mi, gmi, lomma, ppa, mirror, vmi, mirror/genetic (confidences only), brep-mi
    (labels only). `all` are those whose generators are there; package.module:Class is one of your own. Absent: those of
    the suite. The rows of public pictures are always there: public-best, public-mean-best, public-mean,
    public-random."""
    suite: SuiteName = "quick"
    """What is run where other flags say nothing: `quick`, 10 classes with a picture each by latent and guided;
    `standard`, 50 classes with 2 pictures each by all attacks at their recipes' own steps, by --dry-run's estimate two
    and a half hours of one core. Papers make 5 pictures of a class: with --per-class 5 it is four hours."""
    classes: tuple[str, ...] = ()
    """Classes to picture: numbers (3), ranges (0-19) or names. Absent: the first ones, as many as the suite says."""
    per_class: int | None = None
    """Pictures of each class. Absent: as many as the suite says."""
    weights: str | None = None
    """Weights of the target: a file. Absent: those that come with it."""
    size: OptionalSizeFlag = None
    """Size of the picture in pixels. Absent: the target's own."""
    private: str = "streetcam"
    """Private pictures that the target was trained on, as for `keyhole train target --data`: streetcam, SET:PATH, or a
    folder or zip with a folder for each class. Attacks see none of them; they are what pictures are scored by."""
    part: str = ""
    """What of --private the target was trained on, as for `keyhole train target`."""
    identities: int | None = None
    """Vehicles of streetcam that the target was trained on, as for `keyhole train target`."""
    views: int | None = None
    """Pictures of each vehicle, as for `keyhole train target`."""
    held_back: float = 0.25
    """Share of each class's pictures that was held back from the training, as for `keyhole train target`."""
    private_seed: int = 0
    """Seed of which pictures those were: the --seed of the target's training."""
    public: str = "streetcam"
    """The attacker's pictures, which show none of the classes: streetcam, SET:PATH, or a folder or zip."""
    public_part: str = ""
    """What of them. Absent: the pool `public`; of streetcam the pool `public-shifted`, other vehicles by other cameras
    (its pool `public` is so like the private one that the best-liked public picture shows the vehicle already)."""
    public_n: int | None = None
    """Public pictures, at most. Absent: 4096; 1024 of streetcam in the suite quick, because they are drawn first."""
    prior: str | None = "streetcam"
    """What guided and latent/decoder know of pictures: the shipped prior streetcam, a diffusers directory, owner/name
    on the Hugging Face hub, or package.module:Class."""
    generators: tuple[Path, ...] = ()
    """Folders of trained generators (`keyhole train prior --kind …`), for the attacks that need one: `cdm` for diff-mi,
    `cgan` for plg-mi, `inversion-gan` for ked-mi and lomma, `students` besides for lomma, `gan` for gmi, lomma/gmi,
    ppa, mirror, vmi and brep-mi. Of several of a kind the one that was made for the target is taken."""
    judge: str | None = None
    """Who says whom a picture shows: mobilefacenet.npz with mobilefacenet_symbol.json beside it, for faces; a folder of
    `keyhole train judge`; or package.module:Class that embeds pictures. Absent: the shipped one, for streetcam."""
    evaluator: str | None = None
    """Another classifier of the same classes and of another architecture, which is asked too: as --target. Absent: the
    shipped vgg13-16-vehicles, where it learned from the same vehicles and pictures."""
    metrics: tuple[str, ...] = ("psnr", "ssim", "mdsi")
    """Metrics of pixels, against the nearest private picture: as for `keyhole attack`. Inception's (fid, knn_distance)
    need weights that are not shipped."""
    loss: str | None = None
    """Loss that attacks minimise: ce, poincare, max-margin, logit or top-k, with settings as in top-k:k=5,p-reg=1.
    Absent: each attack's own."""
    iterations: int | None = None
    """Steps of the optimiser, or of the sampler. Absent: each recipe's own."""
    batch: int = 20
    """Pictures that are made together; each is the same alone."""
    seed: int = 0
    """Seed of all that attacks draw."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where attacks compute; auto takes a GPU where there is one."""
    threads: int = 1
    """Threads of one tensor operation."""
    workers: int = 2
    """Processes that draw or read pictures, once."""
    out: Path | None = None
    """Folder that keeps every finished picture, ATTACK/CLASS/NUMBER.png, and drawn pictures of streetcam; a run that
    was stopped goes on from there. Absent: nothing is kept."""
    pictures: Path | None = None
    """Folder where drawn pictures of streetcam are kept, such as the --out of the target's training. Absent: --out."""
    json: Path | None = None
    """File that all figures are also written to, as JSON."""
    dry_run: bool = False
    """Say what would be run, which generators are missing and how they are made, and how long it would take. Nothing is
    drawn and nothing written."""
    against: Path | None = None
    """The --json of an earlier run against another target, such as the undefended one: says what each attack loses from
    there to here, and for how much natural accuracy (Δ of TL-DMI). Classes, pictures and judge must be the same."""
    sheet: Path | None = None
    """File for a contact sheet, PNG, JPEG or WebP: private pictures beside what attacks made of their classes."""
    plot: Path | None = None
    """File for a plot of accuracy against fidelity, PNG: a mark for each attack and each row of public pictures."""

    @property
    def public_count(self) -> int:
        """Public pictures, at most."""
        if self.public_n is not None:
            return self.public_n
        return SUITES[self.suite].drawn if self.public == STREETCAM else PUBLIC


def check_invert(settings: InvertSettings) -> None:
    """Refuse what no run can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    for flag, name in (("--target", settings.target), ("--evaluator", settings.evaluator or "")):
        if "/" in name and ":" not in name and not Path(name).expanduser().exists():
            raise UsageError(f"{flag} {name}: no such folder. {HOW_TO_TRAIN}")
    counts = {
        "--per-class": settings.per_class,
        "--public-n": settings.public_n,
        "--iterations": settings.iterations,
        "--batch": settings.batch,
        "--threads": settings.threads,
    }
    check_flags(
        (
            *((flag, value, value >= 1, "1 or more") for flag, value in counts.items() if value is not None),
            ("--workers", settings.workers, settings.workers >= 0, "0 or more"),
            seed_rule("--seed", settings.seed),
        )
    )
    if settings.out:
        check_folder(settings.out, INVERSION)
    check_file("--json", settings.json)
    check_file("--sheet", settings.sheet, SHEET)
    check_file("--plot", settings.plot, DRAWING[:1])


def attack_words(settings: InvertSettings, ready: tuple[str, ...]) -> tuple[str, ...]:
    """The attacks of a run, the rows of public pictures after them.

    Args:
        settings: name them, or a suite.
        ready: names of the attacks that `all` stands for.
    """
    given = settings.attacks or SUITES[settings.suite].attacks
    words = [name for word in given for name in (ready if word == ALL else (word,))]
    return tuple(dict.fromkeys([*(word for word in words if word not in FLOORS), *FLOORS]))
