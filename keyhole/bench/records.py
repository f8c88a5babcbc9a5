"""Records of a benchmark, one for each finished cell."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from keyhole.evaluation.spent_training import SpentTraining
from keyhole.judge.legibility import Legibility
from keyhole.judge.recovery import Share
from keyhole.metrics.interval import Interval, share_interval
from keyhole.metrics.registry import DEFAULT, metric_named
from keyhole.metrics.thumbnails import ThumbnailScale

EDGE_ONLY, CLOUD_ONLY = "edge-only", "cloud-only"
"""Baselines, in the place of a cut: the whole model on the edge; pictures, not features, to the cloud."""
BASELINES = (EDGE_ONLY, CLOUD_ONLY)
PICTURE = "picture"
"""Attack of `CLOUD_ONLY`: whoever gets the picture only decodes it. Its leaks hold the scores of what was decoded:
SSIM 1 and PSNR at its ceiling where the codec loses nothing. `EDGE_ONLY` has no leak: nothing crosses."""
REAL = "real"
"""In the place of an attack on classes: held-back private pictures themselves, all that there is to see."""
LOADED = 0.1
"""Share of a machine's cores that other processes keep busy, from which on a figure was taken under load."""


@dataclass(frozen=True, order=True)
class Design:
    """One way to split: what an engineer chooses.

    Attributes:
        target: name of the model.
        cut: dotted module path whose output crosses the split, or one of `BASELINES`.
        defence: as `--defence` spells it, ``none`` without.
        codec: of the payload; of the pictures for `CLOUD_ONLY`, ``none`` for `EDGE_ONLY`.
    """

    target: str
    cut: str
    defence: str = "none"
    codec: str = "fp32"


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of a duration, in milliseconds."""

    p50: float
    p95: float
    p99: float

    def times(self, factor: float) -> Percentiles:
        """Percentiles of a duration that is ``factor`` times as long."""
        return Percentiles(factor * self.p50, factor * self.p95, factor * self.p99)


@dataclass(frozen=True)
class MachineLoad:
    """What else a machine did while something was timed on it.

    Attributes:
        busy: cores that other processes than those measured kept busy, on average.
        cores: of the machine.
    """

    busy: float
    cores: int

    @property
    def heavy(self) -> bool:
        """Whether a figure that was taken meanwhile is one under load: `LOADED` of the cores were busy."""
        return self.busy >= LOADED * self.cores

    @property
    def text(self) -> str:
        """The load in words.

        >>> MachineLoad(1.24, 2).text
        '1.2 of 2 cores busy with other work'
        """
        return f"{self.busy:.1f} of {self.cores} cores busy with other work"


@dataclass(frozen=True)
class LatencyRecord:
    """How long a frame takes, from the picture to the answer, through real processes.

    Attributes:
        design: what was run.
        link: the emulated link, as `links.emulated_link` reads it.
        stages: by name, in the order in which a frame passes them (edge, encode, network, queue, decode, cloud, …).
        total: all stages of a frame together.
        frames: measured, those of the warm-up left out.
        payload: mean bytes that cross the link for a frame.
        interval: 95 % interval of the median of ``total``, in milliseconds: the order statistics of the frames between
            which it lies by the binomial test of a quantile (Conover 1999, "Practical Nonparametric Statistics", 3.2),
            which assumes nothing of the distribution but that frames are independent. None: too few frames, or a run of
            before intervals were kept.
        load: of the machine meanwhile; None: not known.
    """

    design: Design
    link: str
    stages: Mapping[str, Percentiles]
    total: Percentiles
    frames: int
    payload: float
    interval: Interval | None = None
    load: MachineLoad | None = None


@dataclass(frozen=True)
class AccuracyRecord:
    """How well the target still does its task.

    Attributes:
        design: what was measured.
        measure: ``top-1``, ``rank-1``, ``mAP``, or ``zero-shot``, the share of facts that the nearest text tells.
        value: in percent.
        pictures: measured.
        bootstrapped: 95 % interval, in percent, of mAP or zero-shot answers; None: of shares, few pictures, old runs.
    """

    design: Design
    measure: Literal["top-1", "rank-1", "mAP", "zero-shot"]
    value: float
    pictures: int
    bootstrapped: Interval | None = None

    @property
    def interval(self) -> Interval | None:
        """95 % interval in percent: `bootstrapped`, of a share of the pictures that of `share_interval`."""
        if self.measure in ("mAP", "zero-shot"):
            return self.bootstrapped
        found = share_interval(round(self.value * self.pictures / 100), self.pictures)
        return found and (100 * found[0], 100 * found[1])


@dataclass(frozen=True)
class LeakRecord:
    """What one attack reconstructed, with one seed.

    Attributes:
        design: what was attacked.
        attack: its name.
        seed: of the attack.
        scores: by metric's name (psnr, ssim, …), one value for each picture.
        sets: by metric's name (fid, …), one value for all pictures.
        shown: the metrics that were asked for; others serve the recommendation and PURI.
        secrets: by name (plate glyphs, driver, vehicle), the share read right; empty where nothing is there to read.
        passes: U-Net passes for each picture, mean.
        seconds: wall time for each picture, mean; with the training, unless its network was kept by an earlier run.
        sheet: contact sheet, relative to the run's folder.
        prepared: what a training before the first picture took; None: no training, or an older run.
    """

    design: Design
    attack: str
    seed: int
    scores: Mapping[str, Sequence[float]]
    secrets: Mapping[str, Share] = field(default_factory=dict)
    passes: float = 0.0
    seconds: float = 0.0
    sheet: str | None = None
    sets: Mapping[str, float] = field(default_factory=dict)
    shown: Sequence[str] = DEFAULT
    prepared: SpentTraining | None = None


@dataclass(frozen=True)
class ScaleRecord:
    """Both ends of the scale on which the leaks of a target's pictures stand: what knowing nothing gives, and what the
    victim's own pictures give as thumbnails. All of the same pictures as the leaks, in the same order: a leak of n
    pictures is of the first n.

    Attributes:
        design: the target on the edge alone, of which nothing crosses.
        blind: by recipe (mean, nearest, flat, sample), what the blind attacker got; without ``sample`` where the prior
            has no diffusion model.
        thumbnails: scores of the true pictures' thumbnails by the metrics of the leaks.
        legibility: what the judge reads of those thumbnails; None where no picture has secrets, or there is no judge.
        sheet: contact sheet of truths, blind pictures and thumbnails, relative to the run's folder.
        judge: SHA-256 of the judge's weights; empty where nothing was read.
    """

    design: Design
    blind: Mapping[str, LeakRecord]
    thumbnails: ThumbnailScale
    legibility: Legibility | None = None
    sheet: str | None = None
    judge: str = ""

    def floor(self, metric: str, pictures: int | None = None) -> LeakRecord | None:
        """The blind attacker's best recipe by the mean of a metric; None where it was not scored by it.

        Args:
            metric: of pictures.
            pictures: over how many, the first ones; None: over all.
        """
        scored = [leak for leak in self.blind.values() if leak.scores.get(metric)]
        turn = metric_named(metric).leak
        return max(scored, key=lambda leak: turn(statistics.fmean(leak.scores[metric][:pictures])), default=None)

    def guessed(self, secret: str) -> Share | None:
        """The most of a secret that was read from the blind attacker's pictures; None where nothing was asked."""
        shares = [leak.secrets[secret] for leak in self.blind.values() if secret in leak.secrets]
        return max(shares, key=lambda share: share.value, default=None)


@dataclass(frozen=True)
class ProfileRecord:
    """What a design costs and gives away without any attack.

    Of `EDGE_ONLY` the head is the whole model and nothing crosses; of `CLOUD_ONLY` the head is nothing. What is None
    was not kept by older runs, where nothing else is said.

    Attributes:
        design: what was measured.
        payload: bytes of a frame's payload.
        parameters: of the head.
        macs: multiply-accumulates of the head for one picture.
        dfil: diagonal Fisher information leakage (Maeng et al. 2023); None where the defence adds no noise that has a
            density.
        memory: bytes that the head needs for its weights and for what it computes.
        weights: bytes of the head's parameters and buffers alone.
        model_parameters: of the whole model.
        model_macs: multiply-accumulates of the whole model for one picture.
    """

    design: Design
    payload: float
    parameters: int
    macs: int
    dfil: float | None = None
    memory: int | None = None
    weights: int | None = None
    model_parameters: int | None = None
    model_macs: int | None = None

    @property
    def macs_share(self) -> float | None:
        """Share of the model's multiply-accumulates that the edge does, in [0, 1]; None: not known."""
        return self.macs / self.model_macs if self.model_macs else None

    @property
    def secret_share(self) -> float | None:
        """Share of the model's parameters that never leaves the cloud, in [0, 1]; None: not known."""
        if not self.model_parameters:
            return None
        return 1 - self.parameters / self.model_parameters


@dataclass(frozen=True)
class TrainingSetRecord:
    """What one attack shows of the classes that a target was trained on, as a judge and others see it.

    Attributes:
        design: the whole target; every design of it leaks the same, see `axes.TrainingSetCell`.
        attack: its word, the name of a row of public pictures, or `REAL`.
        knowledge: of the classifier: ``white box``, ``labels`` or ``blind``; empty for `REAL`.
        floor: whether it is a row of public pictures alone.
        classes: by the name of each class that was pictured, figures of its pictures: see
            `keyhole.evaluation.classes.scores.PICTURE_FIGURES`.
        pictures: of all classes together.
        judged_among: classes among which the judge decides.
        judge: its name.
        evaluator: name of the evaluation classifier; empty: there is none.
        seconds: wall time for each picture, mean; training and fits of the attack included.
        sheet: contact sheet, relative to the run's folder.
    """

    design: Design
    attack: str
    knowledge: str
    floor: bool
    classes: Mapping[str, Mapping[str, float]]
    pictures: int
    judged_among: int
    judge: str
    evaluator: str = ""
    seconds: float = 0.0
    sheet: str | None = None


CellRecord = TrainingSetRecord | LatencyRecord | AccuracyRecord | LeakRecord | ProfileRecord | ScaleRecord


@dataclass(frozen=True)
class Measured:
    """A record and what belongs beside it.

    Attributes:
        record: the figures.
        files: to be written into the run's folder, by path in it; the cell may run on another machine.
    """

    record: CellRecord
    files: Mapping[str, bytes] = field(default_factory=dict)
