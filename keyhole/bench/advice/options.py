"""Designs with everything that was measured of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keyhole.bench.advice.exposure import (
    Exposure,
    SecretExposure,
    blind_exposure,
    equivalent_thumbnail,
    picture_exposures,
    secret_exposures,
    worst,
)
from keyhole.bench.advice.puri import PURI_METRICS, privacy, puri, utility
from keyhole.bench.advice.training import TrainingLeak, training_leak
from keyhole.bench.records import (
    BASELINES,
    CLOUD_ONLY,
    EDGE_ONLY,
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    ProfileRecord,
    ScaleRecord,
    TrainingSetRecord,
)
from keyhole.bench.results import Results
from keyhole.judge.legibility import SECRETS
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Interval
from keyhole.metrics.registry import metric_named
from keyhole.metrics.thumbnails import HEADLINE, Thumbnail

UNDEFENDED, EXACT = "none", "fp32"


@dataclass(frozen=True)
class Option:
    """A design to choose, with its figures. None: not measured.

    Attributes:
        design: what can be chosen.
        latencies: by link.
        leaks: of all attacks and seeds.
        exposure: by metric's name, the attack that got most.
        secrets: by name, the attack that got most.
        accuracy: measured.
        loss: points of accuracy below the undefended fp32 design of the same target; negative for a gain.
        profile: cost without being run.
        puri: one number for its defence and codec, beside the undefended design at the same cut: in fp32 where that
            was attacked, else by the same codec.
        model_macs: multiply-accumulates of the target's whole undefended model.
        thumbnail: that the strongest attack by SSIM equals; nothing on the edge alone, the picture in the cloud alone.
            None too where the target's pictures have no scale.
        blind: what the blind attacker gets by SSIM on the pictures of that attack.
        training: what leaks of the target's training set to whoever holds the classifier: wherever it is cut, for both
            halves are known to a white box; on the edge alone, where everyone with a device has all of it; in the cloud
            alone, where the cloud has.
    """

    design: Design
    latencies: Mapping[str, LatencyRecord]
    leaks: tuple[LeakRecord, ...]
    exposure: Mapping[str, Exposure]
    secrets: Mapping[str, SecretExposure]
    accuracy: AccuracyRecord | None
    loss: float | None
    profile: ProfileRecord | None
    puri: float | None
    model_macs: int | None = None
    thumbnail: Thumbnail | None = None
    blind: Exposure | None = None
    training: TrainingLeak | None = None

    @property
    def splits(self) -> bool:
        """Whether the design splits the model, unlike a baseline."""
        return self.design.cut not in BASELINES

    @property
    def alone(self) -> bool:
        """Whether the whole model is on the edge, so that nothing crosses."""
        return self.design.cut == EDGE_ONLY

    @property
    def remote(self) -> bool:
        """Whether the whole model is in the cloud, so that the picture crosses."""
        return self.design.cut == CLOUD_ONLY

    def p50(self, link: str) -> float | None:
        """Median milliseconds from picture to answer."""
        found = self.latencies.get(link)
        return found.total.p50 if found else None

    def p50_interval(self, link: str) -> Interval | None:
        """95 % interval of the median; None where it was not kept."""
        found = self.latencies.get(link)
        return found.interval if found else None

    def leak(self, metric: str = "ssim") -> float | None:
        """The greatest mean over attacks; SSIM 1 where the picture crosses and was not scored."""
        found = self.exposure.get(metric)
        if found is None:
            return 1.0 if self.remote and metric == "ssim" else None
        return found.mean

    @property
    def side(self) -> float | None:
        """Pixels of that thumbnail's shorter side; 0 where nothing crosses, whatever was measured."""
        if self.thumbnail is None:
            return {EDGE_ONLY: 0.0, CLOUD_ONLY: math.inf}.get(self.design.cut)
        return self.thumbnail.side

    @property
    def side_reach(self) -> float | None:
        """The upper end of its interval, where there is none the picture itself; None where it was not measured."""
        if not self.splits or self.thumbnail is None:
            return self.side
        return self.thumbnail.interval[1] if self.thumbnail.interval else float(self.thumbnail.full)

    @property
    def leak_order(self) -> float:
        """Ranks designs of a target by what leaks: from nothing crosses to the picture crosses, or not known.

        Between them it is the thumbnail, so that all that leaks nothing is equal; SSIM where there is no scale.
        """
        if self.alone:
            return -math.inf
        leak = self.leak() if self.thumbnail is None else self.thumbnail.side
        return math.inf if self.remote or leak is None else leak

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks that were tried on it."""
        return tuple(dict.fromkeys(leak.attack for leak in self.leaks))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """SSIM, PSNR and what else attacks were asked to be scored by."""
        asked = (name for leak in self.leaks for name in leak.shown)
        return tuple(metric_named(name) for name in dict.fromkeys(("ssim", "psnr", *asked)))

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates on the edge for one picture."""
        return 0 if self.remote else self.profile.macs if self.profile else None

    @property
    def macs_share(self) -> float | None:
        """The same as a share of the target's whole undefended model, in [0, 1]."""
        return self.macs / self.model_macs if self.macs is not None and self.model_macs else None

    @property
    def memory(self) -> int | None:
        """Bytes that the head needs on the edge."""
        return 0 if self.remote else self.profile.memory if self.profile else None

    @property
    def edge_share(self) -> float | None:
        """Share of its model's parameters that are on the edge, in [0, 1]."""
        if not self.splits:
            return float(self.alone)
        secret = self.profile.secret_share if self.profile else None
        return None if secret is None else 1 - secret


def metrics_of(options: Iterable[Option]) -> tuple[Metric, ...]:
    """The metrics of any of the options, each once; SSIM and PSNR first."""
    return tuple(dict.fromkeys(metric for option in options for metric in option.metrics))


def options(results: Results) -> tuple[Option, ...]:
    """Every design that anything was measured of, in the order of the run's plan."""
    accuracies = {record.design: record for record in results.accuracies}
    profiles = {record.design: record for record in results.profiles}
    latencies: dict[Design, dict[str, LatencyRecord]] = defaultdict(dict)
    for record in results.latencies:
        latencies[record.design][record.link] = record
    leaks: dict[Design, list[LeakRecord]] = defaultdict(list)
    for leak in results.leaks:
        leaks[leak.design].append(leak)
    recalled: dict[Design, list[TrainingSetRecord]] = defaultdict(list)
    for record_of_classes in results.training_sets:
        recalled[record_of_classes.design].append(record_of_classes)

    made = {}
    for design in results.designs:
        accuracy, reference = accuracies.get(design), _reference(design, accuracies)
        exposure, scale = _pictures(leaks[design]), results.scale(design.target)
        made[design] = Option(
            design=design,
            latencies=latencies[design],
            leaks=tuple(leaks[design]),
            exposure=exposure,
            secrets=_secrets(leaks[design], scale),
            accuracy=accuracy,
            loss=_loss(design, accuracy, reference),
            profile=profiles.get(design),
            puri=None,
            model_macs=_model_macs(design, profiles),
            thumbnail=_thumbnail(design, exposure.get(HEADLINE), scale) if scale else None,
            blind=_blind(exposure.get(HEADLINE), scale) if scale else None,
            training=training_leak(recalled[design]),
        )
    return tuple(replace(option, puri=_puri(option, made, accuracies)) for option in made.values())


def _pictures(leaks: Iterable[LeakRecord]) -> dict[str, Exposure]:
    leaks = tuple(leaks)
    names = dict.fromkeys(name for leak in leaks for name in (*leak.scores, *leak.sets))
    found = {name: worst(picture_exposures(leaks, name), metric_named(name).leak) for name in names}
    return {name: exposure for name, exposure in found.items() if exposure}


def _secrets(leaks: Iterable[LeakRecord], scale: ScaleRecord | None) -> dict[str, SecretExposure]:
    leaks = tuple(leaks)
    names = dict.fromkeys(name for known in (SECRETS, *(leak.secrets for leak in leaks)) for name in known)
    return {name: found for name in names if (found := worst(secret_exposures(leaks, name, scale)))}


def _thumbnail(design: Design, found: Exposure | None, scale: ScaleRecord) -> Thumbnail | None:
    full = scale.thumbnails.full
    if design.cut in BASELINES:
        return Thumbnail(0.0 if design.cut == EDGE_ONLY else float(full), None, full)
    return equivalent_thumbnail(found, scale) if found else None


def _blind(found: Exposure | None, scale: ScaleRecord) -> Exposure | None:
    return blind_exposure(scale, HEADLINE, len(found.values) if found else scale.thumbnails.count)


def _reference(design: Design, accuracies: Mapping[Design, AccuracyRecord]) -> AccuracyRecord | None:
    """Accuracy of the undefended fp32 design of the target: at the same cut, else at any, else the whole model.

    Their answers are equal to the bit, so it does not matter which was measured.
    """
    exact = (other for other in accuracies if replace(other, cut="") == Design(design.target, "", UNDEFENDED, EXACT))
    bare = replace(design, defence=UNDEFENDED, codec=EXACT)
    whole = Design(design.target, EDGE_ONLY, UNDEFENDED, "none")
    return next((accuracies[other] for other in (bare, *exact, whole) if other in accuracies), None)


def _loss(design: Design, accuracy: AccuracyRecord | None, reference: AccuracyRecord | None) -> float | None:
    """Points below the reference; the whole undefended model loses none, whether it was measured or not."""
    if accuracy and reference:
        return reference.value - accuracy.value
    return 0.0 if (design.cut, design.defence) == (EDGE_ONLY, UNDEFENDED) else None


def _model_macs(design: Design, profiles: Mapping[Design, ProfileRecord]) -> int | None:
    """Those of the undefended model of the target, which a trained defence may have made smaller."""
    bare = (found for other, found in profiles.items() if (other.target, other.defence) == (design.target, UNDEFENDED))
    own = profiles.get(design)
    return next((found.model_macs for found in bare if found.model_macs), own.model_macs if own else None)


def _puri(option: Option, made: Mapping[Design, Option], accuracies: Mapping[Design, AccuracyRecord]) -> float | None:
    bare = made.get(replace(option.design, defence=UNDEFENDED, codec=EXACT))
    if bare is None or not bare.exposure:
        bare = made.get(replace(option.design, defence=UNDEFENDED))
    reference = _reference(option.design, accuracies)
    if not (option.splits and bare and option.accuracy and reference and reference.value > 0):
        return None
    means = [
        {name: found.exposure[name].mean for name in PURI_METRICS if name in found.exposure} for found in (option, bare)
    ]
    hidden = privacy(*means)
    return None if hidden is None else puri(utility(option.accuracy.value, reference.value), hidden)
