"""Flags of ``keyhole bench``, ``keyhole bench-report`` and ``keyhole recommend``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from keyhole.attacks import Suite
from keyhole.bench.quantity import OptionalQuantityFlag
from keyhole.service.errors import UsageError
from keyhole.sizes import OptionalSizeFlag

CellKind = Literal["profile", "accuracy", "latency", "scale", "leak", "training-set"]
"""What is measured of a design: one cell each; of a target's pictures a scale, whenever leaks are; of a classifier what
it gives away of its training set, where that is asked for."""


@dataclass(frozen=True)
class PlanSettings:
    """What is measured: every flag here can be a key of the plan file."""

    preset: Suite | None = None
    """Values of the flags that you leave out, and how much is measured for each cell: `quick` (ten minutes on two idle
    cores; its figures are no evidence), `standard` (three hours of two: --workers 2), `paper` (days). Absent: quick."""
    targets: tuple[str, ...] = ()
    """Models, as for `--target` of the other commands; NAME@CUT,CUT gives one cuts of its own."""
    cuts: tuple[str, ...] = ()
    """Cuts of every target that has none of its own (`keyhole cuts` lists them). Absent: `--points` of its blocks."""
    points: int | None = None
    """Without cuts: how many, spread evenly over the blocks of a target."""
    defences: tuple[str, ...] = ()
    """What is done to the features before they leave: none, gaussian:scale=0.5, dropout:share=0.5, topk:share=0.1, …
    PATROL is a target: pruned:FOLDER."""
    codecs: tuple[str, ...] = ()
    """How features are packed: fp32, fp16, bf16, int8, each also with +zstd."""
    links: tuple[str, ...] = ()
    """Emulated links: none, lan, wifi, 5g, lte, 3g, or RATE:DELAY such as 10mbit:20ms. LINK@8x is one with an edge
    eight times slower than this machine, emulated too."""
    attacks: tuple[str, ...] = ()
    """Attacks, as for `keyhole attack`, each with the preset's budget for it. Absent: pixels-white and pixels-black for
    quick, decoder-white and diffusion-white too for standard, the seven that `keyhole attack` calls `all` for
    paper."""
    metrics: tuple[str, ...] = ()
    """Metrics to score attacks by, as for `keyhole attack`: each is a column and a plot. SSIM, PSNR and FSIM are always
    scored, for the recommendation and PURI. A cell that was measured before keeps its scores. Absent: psnr ssim."""
    seeds: tuple[int, ...] = ()
    """Seeds of the attacks that train a network; each is a training of its own, for the same pictures. The others, for
    which a seed is but where they start, get the first one. Absent: 0; 0 1 2 for standard and paper."""
    source: str = ""
    """Pictures that cross the split and are attacked: streetcam, photos, leaves, a folder or zip, or SET:PATH. Absent:
    streetcam."""
    public: str = ""
    """Pictures that attackers may learn from. Absent: streetcam."""
    prior: str = ""
    """What decoder and diffusion attacks know of pictures: a shipped prior, a diffusers directory, owner/name on the
    hub, or package.module:Class of your own. Absent: streetcam."""
    classes: str = ""
    """Labelled pictures for the accuracy of classifiers: folder or zip with val/<class>/…. Absent: those of --private;
    without these too the accuracy of classifiers cannot be measured, and its cells fail."""
    private: str = ""
    """Pictures that classifiers were trained on, where their classes are identities, as `keyhole train target --data`:
    streetcam, SET:PATH, or a folder or zip with a folder for each class. Accuracy is that on those held back."""
    part: str = ""
    """What of --private they were trained on, as for `keyhole train target`."""
    vehicles: int | None = None
    """Vehicles of streetcam that they were trained on: `--identities` of `keyhole train target`."""
    views: int | None = None
    """Pictures of each vehicle, as for `keyhole train target`."""
    held_back: float | None = None
    """Share of each class's pictures that was held back from their training, as for `keyhole train target`. Absent:
    0.25."""
    private_seed: int | None = None
    """Seed of which pictures those were: the --seed of their training. Absent: 0."""
    identities: str = ""
    """Pictures for the accuracy of re-identification: streetcam, SET:PATH, or a folder with one folder for each
    identity. Absent: streetcam. That of a detector is its mAP on the boxes of streetcam, that of CLIP's picture tower
    how often the nearest text tells body, colour, weather and scene of streetcam, whatever is given here."""
    training_set: tuple[str, ...] = ()
    """Attacks on the classes that a classifier was trained on, as `--attacks` of `keyhole invert`: latent, guided, …,
    or `all` whose generators are there. They hold all of its weights and leave out what is done to features at run
    time, so a figure is of a target and all of its designs. Absent: none. Needs --private."""
    training_classes: tuple[str, ...] = ()
    """Classes that they picture: numbers (3), ranges (0-19) or names. Absent: the first 10 for quick, 50 for others."""
    per_class: int | None = None
    """Pictures of each class. Absent: 1 for quick, 2 for others."""
    public_part: str = ""
    """What of --public these attacks learn from, as for `keyhole invert`. Absent: the pool `public`, of streetcam
    `public-shifted`."""
    public_n: int | None = None
    """Public pictures for them, at most. Absent: 4096; of streetcam, where they are drawn, 1024 for quick."""
    generators: tuple[str, ...] = ()
    """Folders of trained generators (`keyhole train prior --kind …`) for those of them that need one."""
    judge: str = ""
    """Who says whom their pictures show, as for `keyhole invert`. Absent: the shipped one, for streetcam."""
    evaluator: str = ""
    """Another classifier of the same classes, which is asked too, as for `keyhole invert`. Absent: the shipped
    vgg13-16-vehicles, for targets that learned the same vehicles from the same pictures."""
    weights: str = ""
    """Weights of the target, where there is one target. Absent: its own."""
    size: OptionalSizeFlag = None
    """Size of the pictures in pixels: a side (128), or height and width (256x128). Absent: each target's own."""
    threads: int | None = None
    """Threads of a tensor operation, on the edge, in the cloud and of an attack. Absent: 1."""


@dataclass(frozen=True)
class BenchSettings(PlanSettings):
    """Measure latency, leak and accuracy for every way to split: targets × cuts × defences × codecs × links × attacks.

    Each cell is measured once, whatever shares it, and stored as soon as it is done: a run that was killed goes on with
    the same command, and one with more values on its axes goes on with what is new.

        keyhole bench --dry-run                                   # what would be measured, and how long it takes
        keyhole bench --targets resnet18-streetcam@layer1,layer2,layer3 --links wifi lte
        keyhole bench --plan split.yaml --preset standard --workers 2

    A plan file holds flags by name:

        preset: standard
        targets: [resnet18-tinyimagenet, "pruned:patrol@layer3,layer4"]
        defences: [none, "gaussian:scale=0.5"]
        links: [wifi, lte]

    Latency is taken first, alone on the machine, from an edge and a cloud of their own; leave the machine idle.
    """

    plan: Path | None = None
    """YAML file with flags by name. Flags on the command line override it, and it overrides the preset."""
    out: Path = Path("runs/bench")
    """The run's folder. A run that is there goes on."""
    only: tuple[CellKind, ...] = ()
    """Measure only cells of these kinds: latency, accuracy, leak (with the scale that leaks are told on), profile,
    scale, training-set."""
    dry_run: bool = False
    """Print the plan, the number of cells and an estimate of the time; measure nothing."""
    rerun: Literal["failed"] | None = None
    """`failed`: measure the cells again that failed before."""
    workers: int = 1
    """Processes that measure at once, latencies excepted: one for each idle core."""
    ray: str | None = None
    """Measure on a Ray cluster, latencies excepted: its address, or `auto` for the one that this machine belongs to,
    which is joined after you agree. Its machines need Keyhole and the same files at the same paths."""


@dataclass(frozen=True)
class BenchReportSettings:
    """Write a benchmark's report: a page of HTML that needs nothing beside it, and Markdown with its plots.

    The run may still be going on: the report names what is not measured yet.
    """

    run: Positional[Path]
    """Folder that `keyhole bench` wrote."""
    out: Path | None = None
    """Folder for report.html, report.md and the pictures. Absent: `report` in the run's."""
    defended: tuple[str, ...] = ()
    """Targets that are another one under a trained defence, as TARGET=BASE+DEFENCE: they count as designs of BASE."""
    room: str | None = None
    """Cut whose undefended head needs as much memory as the edge has: one more plot shows accuracy against leak of all
    defences that fit into it, wherever they cut."""
    sheet_codecs: tuple[str, ...] = ()
    """Codecs of the designs whose contact sheets are shown. Absent: all."""
    max_thumbnail: float | None = None
    """The recommendation's limit on what leaks, as for `keyhole recommend`: pixels of the thumbnail that the strongest
    attack equals. Absent, without --max-ssim too: what the judge needs to read a secret better than by guessing."""
    max_ssim: float | None = None
    """The same on SSIM. Who has seen nothing scores something too."""
    max_accuracy_loss: float = 1.0
    """The recommendation's limit on points of accuracy below the undefended fp32 design."""
    max_training_leak: float | None = None
    """The recommendation's limit on what leaks of the training set, as for `keyhole recommend`. Absent: none."""

    def __post_init__(self) -> None:
        if self.max_ssim is not None and not -1 <= self.max_ssim <= 1:
            raise UsageError(f"--max-ssim {self.max_ssim:g}: SSIM lies between -1 and 1")
        if self.max_thumbnail is not None and not self.max_thumbnail >= 0:
            raise UsageError(f"--max-thumbnail {self.max_thumbnail:g}: expected 0 or more")
        if not self.max_accuracy_loss >= 0:
            raise UsageError(f"--max-accuracy-loss {self.max_accuracy_loss:g}: expected 0 or more")
        _check_share("--max-training-leak", self.max_training_leak)


@dataclass(frozen=True)
class RecommendSettings:
    """Where to cut: the fastest design of a measured run that satisfies every constraint.

    The whole model on the edge and the pictures to the cloud are candidates too: where one of them satisfies
    everything, nothing forces a split. Of designs whose latencies cannot be told apart it is the one that leaks least.

        keyhole recommend runs/bench --link lte --max-accuracy-loss 1 --max-latency 50
        keyhole recommend runs/bench --link lte --max-thumbnail 16 --max-edge-mib 8 --keep-model-secret 0.5
    """

    run: Positional[Path]
    """Folder that `keyhole bench` wrote."""
    link: str
    """Emulated link over which latency counts."""
    target: str | None = None
    """Model. Absent: each target of the run by itself."""
    defended: tuple[str, ...] = ()
    """Targets that are another one under a trained defence, as TARGET=BASE+DEFENCE: they count as designs of BASE."""
    max_thumbnail: float | None = None
    """Leak: pixels of the shorter side of the true picture's thumbnail that is as sharp as what the strongest attack
    makes. A design satisfies it where the upper end of the interval does; one of which only the mean does is chosen
    where there is no other, and called probable. Absent, without --max-ssim too: the smallest thumbnail from which the
    judge reads a plate glyph, a driver or a vehicle better than by guessing, as `keyhole legibility` measured it where
    the run is of such pictures, else of the run's own pictures; 8 where no judge reads them."""
    max_ssim: float | None = None
    """Leak: the SSIM of the strongest attack, in the same way. Who has seen nothing scores something too."""
    max_accuracy_loss: float | None = None
    """Points of accuracy below the undefended fp32 design of the same target, as measured."""
    max_latency: float | None = None
    """Median milliseconds from picture to answer, as measured."""
    max_edge_mib: float | None = None
    """MiB that the edge has for the head: its weights and what it computes."""
    max_edge_macs: OptionalQuantityFlag = None
    """Multiply-accumulates of the head for one picture, as 5e8, or as 40%: a share of the whole undefended model's."""
    keep_model_secret: float | None = None
    """Share of the model's parameters, 0 to 1, that may not leave the cloud."""
    max_training_leak: float | None = None
    """Share, 0 to 1, of the pictures by the strongest attack on a classifier's classes (`keyhole bench --training-set`)
    that the judge recognises. It is a target's, whatever its cut: on the edge alone everyone with a device holds the
    classifier, and in the cloud alone the cloud does."""
    details: bool = False
    """Also what each constraint costs, all baselines and what was left out."""

    def __post_init__(self) -> None:
        if self.max_ssim is not None and not -1 <= self.max_ssim <= 1:
            raise UsageError(f"--max-ssim {self.max_ssim:g}: SSIM lies between -1 and 1")
        _check_share("--keep-model-secret", self.keep_model_secret)
        _check_share("--max-training-leak", self.max_training_leak)
        for flag in ("max_thumbnail", "max_accuracy_loss", "max_latency", "max_edge_mib"):
            value = getattr(self, flag)
            if value is not None and not value >= 0:
                raise UsageError(f"--{flag.replace('_', '-')} {value:g}: expected 0 or more")


def _check_share(flag: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"{flag} {value:g}: expected a share, 0 to 1")
