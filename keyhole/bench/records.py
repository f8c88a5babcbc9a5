"""Records of a benchmark, one for each finished cell, and a run's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from keyhole.judge.recovery import Share
from keyhole.metrics.interval import Interval, share_interval
from keyhole.metrics.registry import DEFAULT

EDGE_ONLY, CLOUD_ONLY = "edge-only", "cloud-only"
"""Baselines, in the place of a cut: the whole model on the edge; pictures, not features, to the cloud."""
BASELINES = (EDGE_ONLY, CLOUD_ONLY)


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
class LatencyRecord:
    """How long a frame takes, from the picture to the answer, through real processes.

    Attributes:
        design: what was run.
        link: the emulated link, as `axes.emulated_link` reads it.
        stages: by name, in the order in which a frame passes them (edge, encode, network, queue, decode, cloud, …).
        total: all stages of a frame together.
        frames: measured, those of the warm-up left out.
        payload: mean bytes that cross the link for a frame.
    """

    design: Design
    link: str
    stages: Mapping[str, Percentiles]
    total: Percentiles
    frames: int
    payload: float


@dataclass(frozen=True)
class AccuracyRecord:
    """How well the target still does its task.

    Attributes:
        design: what was measured.
        measure: ``top-1`` or ``rank-1``.
        value: in percent.
        pictures: measured.
    """

    design: Design
    measure: Literal["top-1", "rank-1"]
    value: float
    pictures: int

    @property
    def interval(self) -> Interval | None:
        """95 % interval in percent; see `share_interval`."""
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
        seconds: wall time for each picture, mean; training included.
        sheet: contact sheet, relative to the run's folder.
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


@dataclass(frozen=True)
class ProfileRecord:
    """What a design costs and gives away without any attack.

    Attributes:
        design: what was measured.
        payload: bytes of a frame's payload.
        parameters: of the head.
        macs: multiply-accumulates of the head for one picture.
        dfil: diagonal Fisher information leakage (Maeng et al. 2023); None where the defence adds no noise that has a
            density.
        memory: bytes that the head needs for its weights and for what it computes; None where the cut is not the end of
            a block.
    """

    design: Design
    payload: float
    parameters: int
    macs: int
    dfil: float | None = None
    memory: int | None = None


CellRecord = LatencyRecord | AccuracyRecord | LeakRecord | ProfileRecord


@dataclass(frozen=True)
class Measured:
    """A record and what belongs beside it.

    Attributes:
        record: the figures.
        files: to be written into the run's folder, by path in it; the cell may run on another machine.
    """

    record: CellRecord
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A cell that did not end: its name and its error."""

    cell: str
    error: str


@dataclass(frozen=True)
class Results:
    """All that a run has measured so far.

    Attributes:
        provenance: plan, machine, versions, seeds and command line, as the report prints them.
        latencies, accuracies, leaks, profiles, failures: the finished cells.
    """

    provenance: Mapping[str, str] = field(default_factory=dict)
    latencies: Sequence[LatencyRecord] = ()
    accuracies: Sequence[AccuracyRecord] = ()
    leaks: Sequence[LeakRecord] = ()
    profiles: Sequence[ProfileRecord] = ()
    failures: Sequence[Failure] = ()

    @property
    def designs(self) -> tuple[Design, ...]:
        """Every design that anything was measured of, in the order of the run's plan."""
        records = (self.profiles, self.accuracies, self.latencies, self.leaks)
        return tuple(dict.fromkeys(record.design for kind in records for record in kind))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets of the designs."""
        return tuple(dict.fromkeys(design.target for design in self.designs))

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the links over which anything was timed."""
        return tuple(dict.fromkeys(latency.link for latency in self.latencies))
