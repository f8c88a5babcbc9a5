"""Presets: ready-made plans, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyhole.attacks import Suite
from keyhole.attacks.registry import USUAL
from keyhole.evaluation.classes.settings import SuiteName
from keyhole.presentation.attacks import in_order


@dataclass(frozen=True)
class SweepScale:
    """How much is measured for a cell.

    Attributes:
        frames: of a latency, those of the warm-up left out.
        warm_up: frames that no latency counts.
        pictures: of a classifier's accuracy.
        vehicles: identities of a re-identification on streetcam.
        views: pictures of each.
    """

    frames: int
    warm_up: int
    pictures: int
    vehicles: int
    views: int


@dataclass(frozen=True)
class Preset:
    """A plan for what flags and plan file leave open.

    Attributes:
        scale: how much is measured.
        points: how many cuts, spread over the blocks of each target.
        seeds: of the attacks.
        targets, defences, codecs, links: values of these axes.
        attacks: of the suite.
        inversion: suite of `keyhole invert`, for attacks on classes.
    """

    scale: SweepScale
    points: int
    defences: tuple[str, ...]
    codecs: tuple[str, ...]
    links: tuple[str, ...]
    seeds: tuple[int, ...]
    targets: tuple[str, ...] = ("resnet18-streetcam",)
    attacks: tuple[str, ...] = ("pixels-white", "pixels-black", "decoder-white", "diffusion-white")
    inversion: SuiteName = "standard"


PRESETS: Mapping[Suite, Preset] = MappingProxyType(
    {
        "quick": Preset(
            SweepScale(frames=30, warm_up=5, pictures=500, vehicles=40, views=4),
            points=3,
            defences=("none",),
            codecs=("int8",),
            links=("wifi", "lte"),
            seeds=(0,),
            attacks=("pixels-white", "pixels-black"),
            inversion="quick",
        ),
        "standard": Preset(
            SweepScale(frames=50, warm_up=10, pictures=2000, vehicles=150, views=6),
            points=4,
            defences=("none", "gaussian:scale=0.5"),
            codecs=("int8",),
            links=("wifi", "lte"),
            seeds=(0, 1, 2),
            targets=("resnet18-streetcam", "resnet18-streetcam-patrol@layer4", "vit-tiny-streetcam"),
        ),
        "paper": Preset(
            SweepScale(frames=500, warm_up=50, pictures=5000, vehicles=150, views=12),
            points=8,
            defences=("none", "gaussian:scale=0.5", "laplace:scale=0.5", "dropout:share=0.5", "topk:share=0.1"),
            codecs=("fp32", "fp16", "int8", "int8+zstd"),
            links=("wifi", "5g", "lte", "3g"),
            seeds=(0, 1, 2),
            targets=("resnet18-streetcam", "resnet18-streetcam-patrol@layer4", "vit-tiny-streetcam"),
            attacks=tuple(in_order(USUAL)),
        ),
    }
)
