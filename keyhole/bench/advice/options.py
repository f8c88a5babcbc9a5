"""Designs with everything that was measured of them, those with a trained defence under their base."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from keyhole.bench.advice.exposure import Exposure, SecretExposure, picture_exposures, secret_exposures, worst
from keyhole.bench.advice.puri import PURI_METRICS, privacy, puri, utility
from keyhole.bench.records import (
    BASELINES,
    EDGE_ONLY,
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    ProfileRecord,
    Results,
)
from keyhole.metrics.base import Metric
from keyhole.metrics.registry import metric_named
from keyhole.service.errors import UsageError
from keyhole.targets.target import defence_name

UNDEFENDED, EXACT = "none", "fp32"
R = TypeVar("R", LatencyRecord, AccuracyRecord, LeakRecord, ProfileRecord)


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
        puri: one number for its defence and codec, beside the undefended fp32 design at the same cut.
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

    @property
    def splits(self) -> bool:
        """Whether the design splits the model, unlike a baseline."""
        return self.design.cut not in BASELINES

    def p50(self, link: str) -> float | None:
        """Median milliseconds from picture to answer."""
        found = self.latencies.get(link)
        return found.total.p50 if found else None

    def leak(self, metric: str = "ssim") -> float | None:
        """The greatest mean over attacks."""
        found = self.exposure.get(metric)
        return found.mean if found else None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """SSIM, PSNR and what else attacks were asked to be scored by."""
        asked = (name for leak in self.leaks for name in leak.shown)
        return tuple(metric_named(name) for name in dict.fromkeys(("ssim", "psnr", *asked)))

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates on the edge for one picture."""
        return self.profile.macs if self.profile else None

    @property
    def memory(self) -> int | None:
        """Bytes that the head needs on the edge."""
        return self.profile.memory if self.profile else None


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

    made = {}
    for design in results.designs:
        accuracy, reference = accuracies.get(design), _reference(design, accuracies)
        made[design] = Option(
            design=design,
            latencies=latencies[design],
            leaks=tuple(leaks[design]),
            exposure=_pictures(leaks[design]),
            secrets=_secrets(leaks[design]),
            accuracy=accuracy,
            loss=reference.value - accuracy.value if accuracy and reference else None,
            profile=profiles.get(design),
            puri=None,
        )
    return tuple(replace(option, puri=_puri(option, made, accuracies)) for option in made.values())


def _pictures(leaks: Iterable[LeakRecord]) -> dict[str, Exposure]:
    leaks = tuple(leaks)
    names = dict.fromkeys(name for leak in leaks for name in (*leak.scores, *leak.sets))
    found = {name: worst(picture_exposures(leaks, name), metric_named(name).leak) for name in names}
    return {name: exposure for name, exposure in found.items() if exposure}


def _secrets(leaks: Iterable[LeakRecord]) -> dict[str, SecretExposure]:
    leaks = tuple(leaks)
    names = dict.fromkeys(name for leak in leaks for name in leak.secrets)
    return {name: found for name in names if (found := worst(secret_exposures(leaks, name)))}


def _reference(design: Design, accuracies: Mapping[Design, AccuracyRecord]) -> AccuracyRecord | None:
    """Accuracy of the undefended fp32 design of the target: at the same cut, else at any, else the whole model.

    Their answers are equal to the bit, so it does not matter which was measured.
    """
    exact = (other for other in accuracies if replace(other, cut="") == Design(design.target, "", UNDEFENDED, EXACT))
    bare = replace(design, defence=UNDEFENDED, codec=EXACT)
    whole = Design(design.target, EDGE_ONLY, UNDEFENDED, "none")
    return next((accuracies[other] for other in (bare, *exact, whole) if other in accuracies), None)


def _puri(option: Option, made: Mapping[Design, Option], accuracies: Mapping[Design, AccuracyRecord]) -> float | None:
    bare = made.get(replace(option.design, defence=UNDEFENDED, codec=EXACT))
    reference = _reference(option.design, accuracies)
    if not (option.splits and bare and option.accuracy and reference and reference.value > 0):
        return None
    means = [
        {name: found.exposure[name].mean for name in PURI_METRICS if name in found.exposure} for found in (option, bare)
    ]
    hidden = privacy(*means)
    return None if hidden is None else puri(utility(option.accuracy.value, reference.value), hidden)


@dataclass(frozen=True)
class TrainedDefence:
    """What a defended target is.

    Attributes:
        base: target that it was made of.
        name: of the defence that was trained into it.
    """

    base: str
    name: str


def trained_defences(spelled: Sequence[str], targets: Sequence[str]) -> dict[str, TrainedDefence]:
    """``TARGET=BASE+DEFENCE``, each, by TARGET.

    Raises:
        UsageError: it is written otherwise, or the run has no such targets.
    """
    found = {}
    for text in spelled:
        target, equals, rest = text.partition("=")
        base, plus, defence = rest.rpartition("+")
        if not (equals and plus and target and base and defence):
            raise UsageError(f"--defended {text}: expected TARGET=BASE+DEFENCE, as pruned:patrol=resnet18+patrol")
        for name in (target, base):
            if name not in targets:
                raise UsageError(f"--defended {text}: the run has no target {name!r}, only {', '.join(targets)}")
        found[target] = TrainedDefence(base, defence)
    return found


def with_trained_defences(results: Results, known: Mapping[str, TrainedDefence]) -> Results:
    """The results with designs of defended targets as designs of their base, under the defence.

    So accuracy is lost against the base, and all of them are candidates of one recommendation.
    """
    return replace(
        results,
        latencies=_renamed(results.latencies, known),
        accuracies=_renamed(results.accuracies, known),
        leaks=_renamed(results.leaks, known),
        profiles=_renamed(results.profiles, known),
    )


def _renamed(records: Sequence[R], known: Mapping[str, TrainedDefence]) -> tuple[R, ...]:
    return tuple(replace(record, design=_design(record.design, known)) for record in records)


def _design(design: Design, known: Mapping[str, TrainedDefence]) -> Design:
    trained = known.get(design.target)
    if trained is None:
        return design
    return replace(design, target=trained.base, defence=defence_name(trained.name, design.defence))
