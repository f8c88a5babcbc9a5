"""Leak of a picture that is sent whole: what its codec leaves of it."""

from __future__ import annotations

import torch

from keyhole.bench.axes import PictureCell
from keyhole.bench.measure.leak import scored, with_sheet
from keyhole.bench.records import PICTURE, Measured
from keyhole.bench.sweep import Sweep, audit_pictures
from keyhole.judge.examination import GALLERY
from keyhole.wire.codec_registry import through_codec


def picture(cell: PictureCell, sweep: Sweep) -> Measured:
    """Pack and unpack the first pictures of the audit pool as the edge and the cloud do, and score them as an attack's.

    Raises:
        UsageError: no such target or codec.
    """
    preprocess = sweep.target(cell.design.target).target.preprocess
    samples = audit_pictures(sweep.settings, preprocess.size, GALLERY, secrets=True)
    truths = torch.stack([sample.picture for sample in samples])
    (sent,) = through_codec((preprocess.normalise(truths),), cell.design.codec)
    made = preprocess.restore(sent)
    return with_sheet(cell.name, scored(cell.design, PICTURE, made, samples, sweep), truths, list(made))
