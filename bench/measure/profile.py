"""What a design costs and gives away without being attacked."""

from __future__ import annotations

import statistics

import torch

from bench.cells import ProfileCell
from bench.measure.measured import Measured
from bench.measure.pictures import SEED, audit_pictures
from bench.opening import opened
from bench.records import Profile
from bench.setup import Setup, cut_of
from keyhole.defences import defence_named, randomness
from keyhole.partition import as_tuple
from keyhole.v1.inference_pb2 import FrameHeader
from keyhole.wire.codecs import codec_named
from keyhole.wire.packed import pack_frame

PICTURES = 8
"""Behind the mean payload, which zstd makes depend on the picture."""


@torch.inference_mode()
def profile(cell: ProfileCell, setup: Setup) -> Measured:
    """Bytes of payload, parameters and multiply-accumulates of the head.

    Raises:
        UsageError: no such target, cut, defence or codec.
    """
    known = opened(setup.model(cell.design.target))
    target, partition = known.target, known.cut(cut_of(cell.design))
    costs = known.profiles[partition.plan.cut]
    defence, generator = defence_named(cell.design.defence), randomness(SEED, "edge")
    codec = codec_named(cell.design.codec)
    payloads = []
    for sample in audit_pictures(setup.terms, target.preprocess.size, PICTURES):
        features = as_tuple(partition.head(target.preprocess.normalise(sample.picture[None])))
        frame = pack_frame(FrameHeader(), defence.protect(features, generator), codec)
        payloads.append(frame.payload_bytes)
    return Measured(Profile(cell.design, statistics.fmean(payloads), costs.head_parameters, costs.head_macs))
