"""Accuracy of a design: top-1 of a classifier, rank-1 of a re-identification."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from keyhole.bench.axes import AccuracyCell
from keyhole.bench.records import EDGE_ONLY, AccuracyRecord, Design, Measured
from keyhole.bench.sweep import SEED, SurveyedTarget, Sweep, SweepSettings, cut_of
from keyhole.data.identities import Parts
from keyhole.data.labelled import LabelledPictures, readable
from keyhole.defences import Defence, defence_named, randomness
from keyhole.evaluation.reidentification import ReidentificationTrial, read_trial
from keyhole.metrics.recognition import top_k_accuracy
from keyhole.partition import Partition, ProtectedHead, as_features
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.targets import Target
from keyhole.terminal import terminal
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.reid_data import open_parts
from keyhole.wire.codec_registry import through_codec

CACHE = "cache"
_BATCH = 64


def accuracy(cell: AccuracyCell, sweep: Sweep) -> Measured:
    """Run labelled pictures through head, defence, codec and tail.

    Raises:
        UsageError: no labelled pictures for this target, or they have other classes.
    """
    known = sweep.target(cell.design.target)
    measure = rank_1 if known.embeds else top_1
    return Measured(measure(cell.design, network(known, cell.design), known.target, sweep))


class SplitNetwork(nn.Module):
    """Head, defence, codec and tail: N×3×size×size, normalised, to N×outputs.

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

    def forward(self, inputs: Tensor) -> Tensor:
        """The answers, N×outputs."""
        answers: Tensor = self.tail(as_features(through_codec(self._protected(inputs), self._codec)))
        return answers


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
    """Top-1 over pictures that are spread evenly over the validation set.

    Args:
        design: what is measured.
        network: N×3×size×size, normalised, to N×classes.
        target: whose labels and preprocessing.
        sweep: names the pictures.

    Raises:
        UsageError: no pictures are named, or their classes are not the target's.
        FileNotFoundError: no pictures there.
    """
    data = _validation(sweep.settings.classes, target)
    chosen = torch.linspace(0, len(data.labels) - 1, min(sweep.settings.scale.pictures, len(data.labels))).long()
    network.eval()
    hits = 0
    for part in torch.split(chosen, _BATCH):
        answers = network(target.preprocess(data.pictures[part].float() / 255))
        hits += round(top_k_accuracy(answers, data.labels[part]) * len(part))
    return AccuracyRecord(design, "top-1", 100 * hits / len(chosen), len(chosen))


def _validation(root: str, target: Target) -> LabelledPictures:
    if not root:
        raise UsageError(
            f"no labelled pictures for {target.name}: give --classes a folder or zip with val/<class>/…, or leave "
            "accuracy out with --only"
        )
    data = _loaded(Path(root))
    names = tuple(map(readable, data.names))
    if len(names) != target.outputs or (target.labels and names != target.labels):
        raise UsageError(
            f"--classes {root}: {len(names)} classes from {names[0]!r} on; {target.name} answers with {target.outputs}"
            + (f" from {target.labels[0]!r} on" if target.labels else "")
        )
    return data


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
