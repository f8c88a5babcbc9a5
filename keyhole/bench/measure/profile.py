"""Profile of a design: what it costs and gives away without being attacked."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from keyhole.bench.axes import ProfileCell
from keyhole.bench.measure.dfil import dfil
from keyhole.bench.records import EDGE_ONLY, Measured, ProfileRecord
from keyhole.bench.sweep import SEED, SurveyedTarget, Sweep, audit_pictures, cut_of
from keyhole.defences import Defence, defence_named, randomness
from keyhole.partition import CutProfile, Partition, ProtectedHead
from keyhole.targets import Target
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.codec_registry import codec_named
from keyhole.wire.frames import pack_frame

PICTURES = 8
"""Behind the mean payload, which zstd makes depend on the picture, and behind dFIL."""


def profile(cell: ProfileCell, sweep: Sweep) -> Measured:
    """Bytes of payload, parameters, multiply-accumulates and memory of the head and of the whole model, and dFIL.

    Raises:
        UsageError: no such target, cut, defence or codec.
    """
    known = sweep.target(cell.design.target)
    if cell.design.cut == EDGE_ONLY:
        return Measured(_record(cell, known, known.whole, payload=0.0))
    target, partition = known.target, known.cut(cut_of(cell.design))
    defence = defence_named(cell.design.defence)
    samples = audit_pictures(sweep.settings, target.preprocess.size, PICTURES)
    pictures = torch.stack([sample.picture for sample in samples])
    payload = _payload(target, partition, defence, cell.design.codec, pictures)
    known_without_attack = dfil(partition.head, target.preprocess.normalise, pictures, defence)
    return Measured(_record(cell, known, known.profiles[partition.plan.cut], payload, known_without_attack))


def _record(
    cell: ProfileCell, known: SurveyedTarget, costs: CutProfile, payload: float, dfil: float | None = None
) -> ProfileRecord:
    footprint = known.footprints[costs.point.cut]
    return ProfileRecord(
        cell.design,
        payload,
        costs.head_parameters,
        costs.head_macs,
        dfil,
        memory=footprint.total,
        weights=footprint.weights,
        model_parameters=known.whole.head_parameters,
        model_macs=known.whole.head_macs,
    )


@torch.inference_mode()
def _payload(target: Target, partition: Partition, defence: Defence, codec: str, pictures: Tensor) -> float:
    """Mean bytes of a picture's frame, without its header."""
    head = ProtectedHead(partition.head, target.preprocess.normalise, defence, randomness(SEED, "edge"))
    value = codec_named(codec)
    return statistics.fmean(
        pack_frame(FrameHeader(), head(picture), value).payload_bytes for picture in torch.split(pictures, 1)
    )
