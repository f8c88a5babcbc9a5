"""Accuracy of a design: top-1 of a classifier, rank-1 of a re-identification, mAP of a detector, zero-shot of CLIP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.bench.axes import AccuracyCell
from keyhole.bench.records import EDGE_ONLY, AccuracyRecord, Design, Measured
from keyhole.bench.sweep import SEED, SurveyedTarget, Sweep, SweepSettings, cut_of, surveyed_target
from keyhole.data.boxed import BOX_CLASSES, BoxedPasses
from keyhole.data.identities import Parts
from keyhole.data.labelled import LabelledPictures, readable
from keyhole.defences import Defence, defence_named, randomness
from keyhole.evaluation.classes.pictures import read_private
from keyhole.evaluation.classes.settings import InvertSettings
from keyhole.evaluation.classes.world import APART, told_accuracy
from keyhole.evaluation.detection import DetectionTrial
from keyhole.evaluation.reidentification import ReidentificationTrial, read_trial
from keyhole.metrics.recognition import top_k_accuracy
from keyhole.partition import Partition, ProtectedHead, as_features
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets import ModelSettings, Target
from keyhole.targets.answers import ANSWERS, AnswerKind
from keyhole.terminal import terminal
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.caption_trial import CaptionTrial, check_text_tower, text_tower_of
from keyhole.train.tasks.reid_data import open_parts
from keyhole.wire.codec_registry import through_codec

CACHE = "cache"
_BATCH = 64


def accuracy(cell: AccuracyCell, sweep: Sweep) -> Measured:
    """Run labelled pictures through head, defence, codec and tail.

    Raises:
        UsageError: no labelled pictures for this target, they have other classes, it cannot be measured, or the backend
            of mAP is missing.
    """
    known = sweep.target(cell.design.target)
    check_measurable(cell.design.target, known, sweep)
    measure = _MEASURES[known.answers]
    return Measured(measure(cell.design, network(known, cell.design), known.target, sweep))


def check_measurable(name: str, known: SurveyedTarget, sweep: Sweep) -> None:
    """Refuse a target whose accuracy no run with these settings can measure.

    Args:
        name: as it was given.
        known: the target.
        sweep: names the pictures.

    Raises:
        UsageError: says what is missing.
    """
    target, advice = known.target, "leave accuracy out with --only"
    if known.answers == "classes" and not sweep.settings.classes and sweep.private is None:
        raise UsageError(
            f"no labelled pictures for {name}: give --classes a folder or zip with val/<class>/…, or --private "
            f"what it was trained on, or {advice}"
        )
    if known.answers == "boxes" and target.labels != BOX_CLASSES:
        raise UsageError(
            f"{target.name} finds other things than the boxes of streetcam are of ({', '.join(BOX_CLASSES)}): {advice}"
        )
    if known.answers == "texts":
        check_text_tower(target)
    if known.answers == "other":
        raise UsageError(f"{target.name} answers with {ANSWERS['other']}, which has no accuracy here: {advice}")


class SplitNetwork(nn.Module):
    """Head, defence, codec and tail: N×3×size×size, normalised, to what the model answers with.

    Args:
        partition: head and tail.
        defence: of the features.
        codec: its name.
    """

    def __init__(self, partition: Partition, defence: Defence, codec: str) -> None:
        super().__init__()
        self.head, self.tail = partition.head, partition.tail
        self._protected = ProtectedHead(partition.head, nn.Identity(), defence, randomness(SEED, "edge"))
        self._codec = codec

    def forward(self, inputs: Tensor) -> Any:
        """The answers: N×outputs, or a list with the boxes of each picture."""
        return self.tail(as_features(through_codec(self._protected(inputs), self._codec)))


def network(known: SurveyedTarget, design: Design) -> nn.Module:
    """What answers a picture in a design: the whole model where it stays on the edge.

    Raises:
        UsageError: no such cut, defence or codec.
    """
    if design.cut == EDGE_ONLY:
        return known.target.model
    return SplitNetwork(known.cut(cut_of(design)), defence_named(design.defence), design.codec)


@torch.inference_mode()
def top_1(design: Design, network: nn.Module, target: Target, sweep: Sweep) -> AccuracyRecord:
    """Top-1 over pictures that are spread evenly over those that neither trained nor chose the target.

    Args:
        design: what is measured.
        network: N×3×size×size, normalised, to N×classes.
        target: whose labels and preprocessing.
        sweep: names the pictures.

    Raises:
        UsageError: no pictures are named, their classes are not the target's, or other ones were held back from its
            training.
        FileNotFoundError: no pictures there.
    """
    data = _labelled(design.target, target, sweep)
    chosen = torch.linspace(0, len(data.labels) - 1, min(sweep.settings.scale.pictures, len(data.labels))).long()
    network.eval()
    right = _right(network, target, data.some(chosen))
    return AccuracyRecord(design, "top-1", 100 * right / len(chosen), len(chosen))


def _right(network: nn.Module, target: Target, data: LabelledPictures) -> int:
    hits = 0
    for pictures, labels in zip(torch.split(data.pictures, _BATCH), torch.split(data.labels, _BATCH), strict=True):
        answers = network(target.preprocess(pictures.float() / 255))
        hits += round(top_k_accuracy(answers, labels) * len(labels))
    return hits


def _labelled(name: str, target: Target, sweep: Sweep) -> LabelledPictures:
    if sweep.settings.classes:
        return _validation(sweep.settings.classes, target)
    assert sweep.private is not None  # or `check_measurable` has refused it
    return _held_back(sweep.private.inversion(sweep.settings.model(name)), sweep.folder.resolve() / CACHE)


def _validation(root: str, target: Target) -> LabelledPictures:
    data = _loaded(Path(root))
    names = tuple(map(readable, data.names))
    if len(names) != target.outputs or (target.labels and names != target.labels):
        raise UsageError(
            f"--classes {root}: {len(names)} classes from {names[0]!r} on; {target.name} answers with {target.outputs}"
            + (f" from {target.labels[0]!r} on" if target.labels else "")
        )
    return data


@lru_cache(maxsize=2)
def _held_back(settings: InvertSettings, cache: Path) -> LabelledPictures:
    """The pictures of the target's classes that figures are told of.

    Raises:
        UsageError: there are none, or the target is so much more or less often right on them than its card says that
            others were held back from its training.
    """
    target = surveyed_target(ModelSettings(settings.target, weights=settings.weights, size=settings.size)).target
    report = read_private(settings, target, cache, terminal(quiet=True)).held_back.for_report()
    told, found = told_accuracy(settings), 100 * _right(target.model, target, report) / len(report.labels)
    if told is not None and abs(found - told) > APART:
        raise UsageError(
            f"{settings.target} is right on {found:.1f} % of the held-back pictures of --private {settings.private}, "
            f"and its card says {told:.1f} %: other pictures were held back from its training. Give --part, "
            "--held-back, --private-seed (and --vehicles, --views) as it was trained"
        )
    return report


@lru_cache(maxsize=1)
def _loaded(root: Path) -> LabelledPictures:
    return LabelledPictures.load(root, "val").for_report()


def rank_1(design: Design, network: nn.Module, target: Target, sweep: Sweep) -> AccuracyRecord:
    """Rank-1 on identities that were not trained on, as `keyhole train target` measures it.

    Arguments are those of `top_1`.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures without identity, or too few.
    """
    found = _cached_trial(sweep.settings, target.preprocess.size, sweep.folder.resolve() / CACHE).retrieval(
        network, target.preprocess
    )
    return AccuracyRecord(design, "rank-1", 100 * found.rank_1, found.probes)


def mean_precision(design: Design, network: nn.Module, target: Target, sweep: Sweep) -> AccuracyRecord:
    """mAP on vehicles of streetcam that neither trained nor chose the target, as `keyhole train target` measures it.

    Arguments are those of `top_1`.

    Raises:
        UsageError: the backend of the metric is not installed.
    """
    scale, cache = sweep.settings.scale, sweep.folder.resolve() / CACHE
    trial = _cached_boxes(scale.vehicles, scale.views, target.preprocess.size, cache)
    found, interval = trial.assessed(network, target.preprocess)
    return AccuracyRecord(design, "mAP", found["mAP"], len(trial.boxed.truths), interval)


@lru_cache(maxsize=1)
def _cached_boxes(vehicles: int, views: int, size: Size, cache: Path) -> DetectionTrial:
    passes = BoxedPasses("private-report", vehicles, views)
    return DetectionTrial(passes.read(size, workers=0, folder=cache, console=terminal(quiet=True)))


def zero_shot(design: Design, network: nn.Module, target: Target, sweep: Sweep) -> AccuracyRecord:
    """Share of the facts of streetcam (body, colour, weather, scene) that the nearest of the texts tells which state
    their values, on vehicles that neither trained nor chose the target; as `keyhole train target` measures each.

    Arguments are those of `top_1`.

    Raises:
        UsageError: transformers is not installed, or cannot read the text tower.
    """
    scale, cache = sweep.settings.scale, sweep.folder.resolve() / CACHE
    trial = _cached_captions(scale.vehicles, scale.views, target.preprocess.size, cache)
    found = trial.shares(network, text_tower_of(target), target.preprocess)["all"]
    return AccuracyRecord(design, "zero-shot", found.value, found.pictures, found.interval)


@lru_cache(maxsize=1)
def _cached_captions(vehicles: int, views: int, size: Size, cache: Path) -> CaptionTrial:
    return CaptionTrial.read(vehicles, views, size, workers=0, folder=cache, console=terminal(quiet=True))


_MEASURES: Mapping[AnswerKind, Callable[[Design, nn.Module, Target, Sweep], AccuracyRecord]] = {
    "classes": top_1,
    "identities": rank_1,
    "boxes": mean_precision,
    "texts": zero_shot,
}


def identities(settings: SweepSettings, size: Size) -> Parts:
    """The unseen identities of the data set that is named; streetcam has the scale's vehicles and views of each.

    Raises:
        FileNotFoundError: no pictures there.
        ValueError: pictures without identity, or too few.
    """
    return open_parts(
        TrainSettings(
            data=settings.identities,
            out=Path(),
            task="re-identification",
            size=size,
            identities=2,
            views=settings.scale.views,
            held_out=settings.scale.vehicles if settings.identities == "streetcam" else None,
        )
    )


@lru_cache(maxsize=1)
def _cached_trial(settings: SweepSettings, size: Size, cache: Path) -> ReidentificationTrial:
    return read_trial(identities(settings, size).report, size, workers=0, folder=cache, console=terminal(quiet=True))
