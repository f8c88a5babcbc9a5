"""Flags of offline attacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.attacks.prior_settings import AttackPriorSettings
from keyhole.service.errors import check_flags, seed_rule
from keyhole.service.files import DRAWING, OFFLINE, SHEET, check_file, check_folder
from keyhole.targets.settings import ModelSettings


@dataclass(frozen=True)
class OfflineSettings(AttackPriorSettings, ModelSettings):
    """What attacks on pictures, without processes, have in common.

    The pictures are run through the head and the attack gets the features. Black-box attacks are trained first, on
    public pictures.
    """

    source: str = "streetcam"
    """Pictures to attack: streetcam, photos, leaves, a folder or zip, or SET:PATH (`keyhole data sets` lists them)."""
    cuts: tuple[str, ...] = ()
    """Cuts to attack. Absent: the one of `--cut`."""
    recipe: str = "strong"
    """How attacks work that name no recipe: strong; paper (plain Adam; a black box is trained for 96 epochs on 4096
    queries); for pixels-black prepared (strong on 4096 queries, trained to its end); for pixels-white rmle,
    rmle-shallow and rmle-deep (He et al.'s optimiser with its own 5000 steps, λ of TV 10, 0 and 1000 as they have it by
    depth) and filtered (strong, and a total-variation denoising of the finished picture); for diffusion-white and
    diffusion-black noise (the noise before a short sampler is what is optimised, or what the network makes); for
    diffusion-white guided (a sampler is led by the features); for decoder-white and diffusion-white refined (from the
    latent that a network trained on the head's answers finds), for diffusion-white refined-guided (a sampler is led
    from there); for decoder-black one-step (a second network refines the first one's latent)."""
    defence: str = "none"
    """What the features go through before the attack sees them, as on the edge: none, gaussian:scale=0.5, dropout:…"""
    codec: str = "fp32"
    """How the features are packed on their way, and the oracle's answers too: fp32, fp16, bf16 or int8."""
    unaware: bool = False
    """Leave the attack without knowledge of the defence: how much it seems to protect, not how much it does."""
    frames: int = 1
    """Noisy looks at each picture, as of a scene that stands still: so many frames with fresh random numbers each,
    which the attack combines, by their mean if the defence adds noise. A black box trains on as many answers to each
    picture. For Gaussian noise of twice the deviation, 4 frames are worth one. Scenes that move: `--clip`."""
    clip: int = 1
    """Consecutive frames of a scene that moves, which recipes clip… attack together and all others each by itself.
    Clips come of streetcam, or of clips:PATH, a folder or zip with a folder of numbered frames for each video; black
    boxes learn from clips of `--public`. Recipes: clip (strong, frames drawn together), clip-paper (Algorithm 2 of the
    feature-inversion paper with 10 sampling steps; in the black box its 1x1 convolution over the frames' features), of
    white boxes clip-aligned (tied along the motion between reconstructions), of black boxes clip-apart and
    clip-paper-apart (an equally large network in which frames do not meet). Every frame has noise of its own: four
    frames are not four looks at one picture (`--frames`)."""
    stride: int = 1
    """Frames of the video from one frame of a clip to the next; streetcam has 25 a second, so 12 are about half a
    second."""
    n: int = 8
    """Pictures, or with `--clip` clips."""
    every: int = 1
    """Take every n-th picture of the source, or clip; neighbours in `photos` are alike."""
    showing: str = ""
    """Attack only pictures whose captions hold these words, such as "on a snow field"; streetcam and folders with
    captions.csv have captions."""
    batch: int = 4
    """Pictures, or clips, that are attacked together."""
    iterations: int | None = None
    """Steps of the optimiser, or of the black box's training. Absent: the recipe's; of training 1000 for strong, 3072
    for paper, 4096 for prepared."""
    queries: int | None = None
    """Public pictures that a black box asks about, or that query-free trains with. Absent: the recipe's; 4096 for
    paper, and for strong 2 each step."""
    training_steps: int | None = None
    """Steps of training of the network that recipe refined starts from, or of query-free's shadow. Absent: 1000, and
    960 of the shadow."""
    patience: int | None = None
    """Steps of a white box's optimiser without a better match of the features, after which it stops. Absent: the
    recipe's; none but refined (30) stops early."""
    smoothing: float | None = None
    """λ of the total-variation denoising that recipe filtered ends with. Absent: 0.02. Choose it on public pictures."""
    public: str = "streetcam"
    """Pictures that a black-box attack, or the network that recipe refined starts from, is trained on."""
    attackers: tuple[Path, ...] = ()
    """Folders of attackers that `keyhole train attacker` wrote, or of several such folders. A black box takes the one
    that was trained for what it attacks, however long that training was; where none serves, the error says why. What is
    not here is trained, and with `--out` kept. The package brings one of pixels-black/prepared for the default demo."""
    metrics: tuple[str, ...] = ("ssim", "psnr")
    """Metrics to score by: psnr, ssim, ms_ssim, l2, eq14, fsim, vsi, haarpsi, sr_sim, dss, mdsi; with weights that are
    not shipped (the error says where to get them) stlpips, lpips, feature_distance; and of all pictures together fid,
    inception_score, knn_distance; or package.module:name."""
    judge: bool = True
    """Let the judge say what it reads from reconstructions (number plates, drivers, which vehicle it is), where the
    pictures have such secrets, as those of streetcam do. It must first be shown a hundred vehicles, which takes half a
    minute; `--out` keeps that."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where attacks compute; auto takes a GPU where there is one."""
    threads: int = 1
    """Threads of one tensor operation."""
    out: Path | None = None
    """Folder that keeps every finished picture; a run that was stopped goes on from there."""
    json: Path | None = None
    """File that the scores are also written to, as JSON."""
    sheet: Path | None = None
    """File for a contact sheet, PNG, JPEG or WebP: each truth with its reconstructions."""
    curves: Path | None = None
    """File for a plot of the loss by step (Fig. 12 of the feature-inversion paper), PNG, SVG or PDF; `keyhole ablation`
    prints a table of it too."""


@dataclass(frozen=True)
class AttackSettings(OfflineSettings):
    """Attack pictures offline, without processes: PSNR and SSIM, or other metrics, for each attack and cut.

    The feature-inversion paper's figures stand beside them where the run is in its setting: a torchvision ResNet or ViT
    with `--weights pretrained` at 224 px, pictures of `imagenet:PATH`, no defence, `--recipe paper`, a prior of one's
    own. The pictures are run through the head and the attacks get the features. Black-box attacks are trained first, on
    public pictures.
    """

    attacks: tuple[str, ...] = ("pixels-white",)
    """Attacks to run: pixels-white, dip-white, decoder-white, diffusion-white, pixels-black, decoder-black,
    diffusion-black, or `all` of these; query-free, for which the target must be a classifier and --public have pictures
    of its classes. ATTACK/RECIPE names the recipe too: diffusion-white/guided. package.module:Class is one of your own.
    The blind attacker, who sees nothing, is always there; `blind` alone measures nothing else."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the attacks. With several, each picture's score is its mean over them. The first one also chooses the
    pictures, which are the same for all."""
    against: str | None = None
    """Also say what each attack gets more than another row, picture by picture: blind, strongest (of the same cut), one
    of the attacks (at the same cut), or ATTACK@CUT."""


@dataclass(frozen=True)
class AblationSettings(OfflineSettings):
    """Attack pictures offline at several values of one setting: scores for each, as table, JSON and plot.

    These are the ablations of the feature-inversion paper, on fewer pictures unless --n says more:

        keyhole ablation --plot steps.png                                      # its Table 3
        keyhole ablation --over queries --plot queries.png                     # its Fig. 20 b
        keyhole ablation --over iterations --recipe paper --values 1500 --curves losses.png   # its Fig. 12
    """

    attack: str = ""
    """Attack to run, as for `keyhole attack --attacks`. Absent: diffusion-white/noise for sampling steps, pixels-black
    for queries, pixels-white for iterations."""
    seed: int = 0
    """Seed of the choice of pictures and of the attack."""
    over: Literal["sampling-steps", "queries", "iterations"] = "sampling-steps"
    """What is varied: steps of a diffusion's sampler (Table 3 of the feature-inversion paper), pictures that a learned
    attack asks about (its Fig. 20 b), or steps of the optimiser or the training. With `--out` a black box without an
    end of its own is trained once, to the most steps, and looked at on the way."""
    values: tuple[int, ...] = ()
    """Values to try. Absent: 10 15 20 25 30 sampling steps, 512 1024 2048 4096 queries, 100 300 600 1500 iterations."""
    plot: Path | None = None
    """File for a plot of the scores over the values, PNG, SVG or PDF."""


def check_attack(settings: AttackSettings) -> None:
    """Refuse what no run can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    _check_offline(settings)
    check_flags(
        (
            ("--attacks", settings.attacks, settings.attacks, "one or more"),
            ("--seeds", settings.seeds, settings.seeds, "one or more"),
            *(seed_rule("--seeds", seed) for seed in settings.seeds),
            ("--seeds", settings.seeds, len(set(settings.seeds)) == len(settings.seeds), "each once"),
        )
    )


def check_ablation(settings: AblationSettings) -> None:
    """Refuse what no run can use.

    Raises:
        UsageError: names the flag, its value and what was expected.
    """
    _check_offline(settings)
    for value in settings.values:
        _refuse_counts({"--values": value})
    check_flags([seed_rule("--seed", settings.seed)])
    check_file("--plot", settings.plot, DRAWING)


def _check_offline(settings: OfflineSettings) -> None:
    _refuse_counts(
        {
            "--n": settings.n,
            "--frames": settings.frames,
            "--clip": settings.clip,
            "--stride": settings.stride,
            "--every": settings.every,
            "--batch": settings.batch,
            "--threads": settings.threads,
            "--iterations": settings.iterations,
            "--sampling-steps": settings.sampling_steps,
            "--queries": settings.queries,
            "--training-steps": settings.training_steps,
            "--patience": settings.patience,
        }
    )
    smoothing = settings.smoothing
    check_flags(
        [
            ("--stride", settings.stride, settings.stride == 1 or settings.clip > 1, "1 without --clip"),
            ("--showing", settings.showing, not settings.showing or settings.clip == 1, "nothing with --clip"),
            ("--smoothing", smoothing, smoothing is None or 0 <= smoothing < math.inf, "0 or more"),
        ]
    )
    if settings.out:
        check_folder(settings.out, OFFLINE)
    check_file("--json", settings.json)
    check_file("--sheet", settings.sheet, SHEET)
    check_file("--curves", settings.curves, DRAWING)


def _refuse_counts(counts: Mapping[str, int | None]) -> None:
    """Refuse counts below 1."""
    check_flags((flag, value, value >= 1, "1 or more") for flag, value in counts.items() if value is not None)
