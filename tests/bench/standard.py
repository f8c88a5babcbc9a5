"""A made-up run of the size of the preset `standard`, and a third link; figures follow from the design."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from keyhole.bench.records import (
    CLOUD_ONLY,
    EDGE_ONLY,
    AccuracyRecord,
    Design,
    LatencyRecord,
    LeakRecord,
    Percentiles,
    ProfileRecord,
    ScaleRecord,
)
from keyhole.bench.results import Failure, Results
from keyhole.judge.legibility import Legibility, ReadSecret
from keyhole.judge.recovery import Share
from keyhole.metrics.thumbnails import ThumbnailScale
from keyhole.presentation.contact_sheet import Column, contact_sheet

TARGETS = ("resnet18-streetcam", "resnet18-streetcam-patrol", "vit-tiny-streetcam")
CUTS = ("layer1.1", "layer2.1", "layer3.0", "layer3.1", "layer4.1")
DEFENCES = ("none", "gaussian:scale=0.5", "dropout:share=0.5")
CODECS = ("fp32", "int8")
LINKS = ("wifi", "lte", "lte@8x")
ATTACKS = ("pixels-white", "pixels-black", "decoder-white", "diffusion-white")
_DELAY = {"wifi": 14.0, "lte": 70.0, "lte@8x": 70.0}
_PICTURES, _MACS = 8, 114_000_000
_SSIM_OF_SIDES = {
    **{1: 0.444, 2: 0.446, 3: 0.452, 4: 0.462, 6: 0.478, 8: 0.496, 12: 0.535, 16: 0.573, 24: 0.645, 32: 0.71},
    **{48: 0.80, 64: 0.864, 96: 0.94, 128: 1.0},
}


def standard_run() -> Results:
    """Every record that such a run has."""
    designs = [Design(*words) for words in _product()]
    return Results(
        provenance={f"fact {number}": "a value " * 8 for number in range(30)},
        latencies=[*(_latency(design, link) for design in designs for link in LINKS), *_whole_latencies()],
        accuracies=[
            *(_accuracy(design) for design in designs),
            *(AccuracyRecord(Design(target, EDGE_ONLY, "none", "none"), "rank-1", 92.0, 150) for target in TARGETS),
        ],
        leaks=[_leak(design, attack) for design in designs for attack in ATTACKS],
        profiles=[_profile(design) for design in designs],
        scales=[_scale(target) for target in TARGETS],
        failures=[Failure(f"leak | cell {number}", "RuntimeError: broke") for number in range(20)],
    )


def _scale(target: str) -> ScaleRecord:
    chance = random.Random(0)
    spread = [chance.gauss(0, 0.02) for _ in range(_PICTURES)]
    ssim = [[min(1.0, mean + more) if mean < 1 else 1.0 for more in spread] for mean in _SSIM_OF_SIDES.values()]
    alone = Design(target, EDGE_ONLY, "none", "none")
    blind = {
        recipe: _scored(alone, f"blind/{recipe}", [mean + more for more in spread])
        for recipe, mean in (("mean", 0.424), ("nearest", 0.40), ("flat", 0.445), ("sample", 0.38))
    }
    secrets = {
        name: ReadSecret(
            [[int(n % 20 == 0 or (side >= least and n % 3 == 0)) for n in range(_PICTURES)] for side in _SSIM_OF_SIDES],
            [1] * _PICTURES,
            0.05,
        )
        for name, least in (("plate glyphs", 12), ("driver", 24), ("vehicle", 4))
    }
    sides = tuple(_SSIM_OF_SIDES)
    psnr = [[10 + 20 * value for value in row] for row in ssim]
    return ScaleRecord(
        alone, blind, ThumbnailScale(128, sides, {"ssim": ssim, "psnr": psnr}), Legibility(sides, secrets)
    )


def _product() -> Iterator[tuple[str, str, str, str]]:
    return (
        (target, cut, defence, codec) for target in TARGETS for cut in CUTS for defence in DEFENCES for codec in CODECS
    )


def _depth(design: Design) -> int:
    return CUTS.index(design.cut)


def _chance(*words: object) -> random.Random:
    return random.Random(repr(words))


def _latency(design: Design, link: str) -> LatencyRecord:
    edge = (2.0 + 2.5 * _depth(design)) * (8 if link.endswith("8x") else 1)
    network = _DELAY[link] + _payload(design) / 1024 * (0.2 if link == "wifi" else 0.8)
    stages = {"edge_compute": edge, "network": network, "cloud_compute": 12.0 - 2 * _depth(design)}
    total = sum(stages.values()) * (1 + 0.03 * _chance(design, link).random())
    return LatencyRecord(
        design, link, {name: _percentiles(p50) for name, p50 in stages.items()}, _percentiles(total), 50, 1.0
    )


def _whole_latencies() -> Iterator[LatencyRecord]:
    for target in TARGETS:
        for link in LINKS:
            alone = 13.0 * (8 if link.endswith("8x") else 1)
            edge, cloud = Design(target, EDGE_ONLY, "none", "none"), Design(target, CLOUD_ONLY, "none", "int8")
            yield LatencyRecord(edge, link, {"edge_compute": _percentiles(alone)}, _percentiles(alone), 50, 0.0)
            sent = _DELAY[link] + 40
            yield LatencyRecord(cloud, link, {"network": _percentiles(sent)}, _percentiles(sent + 12), 50, 49152.0)


def _percentiles(p50: float) -> Percentiles:
    return Percentiles(p50, 1.3 * p50, 1.6 * p50)


def _payload(design: Design) -> float:
    return 1024 * 256 / 2 ** _depth(design) / (4 if design.codec == "int8" else 1)


def _accuracy(design: Design) -> AccuracyRecord:
    lost = {"none": 0.0, "gaussian:scale=0.5": 0.7, "dropout:share=0.5": 6.0 - _depth(design)}[design.defence]
    patrol = 2.0 if design.target.endswith("patrol") else 0.0
    return AccuracyRecord(design, "rank-1", 92.0 - lost - patrol - 0.3 * (design.codec == "int8"), 150)


def _leak(design: Design, attack: str) -> LeakRecord:
    chance = _chance(design.cut, design.defence, attack)
    strength = 0.03 * ATTACKS.index(attack) if "white" in attack else 0.04
    hidden = 0.04 * DEFENCES.index(design.defence)
    mean = 0.88 - 0.11 * _depth(design) - hidden + strength * 0.5
    ssim = [min(0.999, max(0.0, chance.gauss(mean, 0.06))) for _ in range(_PICTURES)]
    read = max(0.0, (mean - 0.45) / 0.5)
    return _scored(design, attack, ssim, read)


def _scored(design: Design, attack: str, ssim: list[float], read: float = 0.0) -> LeakRecord:
    return LeakRecord(
        design,
        attack,
        0,
        {"ssim": ssim, "psnr": [10 + 20 * value for value in ssim], "fsim": [0.5 + value / 2 for value in ssim]},
        {
            "plate glyphs": Share(read * 0.8, 1 / 36, 96),
            "driver": Share(0.44 + 0.4 * read - 0.03, 0.44, 196),
            "vehicle": Share(0.6 * read, 0.01, _PICTURES),
        },
        passes=40.0,
        seconds=3.0,
    )


def _profile(design: Design) -> ProfileRecord:
    depth = _depth(design)
    dfil = 47.7 if design.defence.startswith("gaussian") else None
    return ProfileRecord(
        design,
        _payload(design),
        80_000 * 4**depth,
        _MACS * (depth + 1),
        dfil,
        2**21 * 2**depth,
        model_macs=595_000_000,
    )


def with_real_sheets(results: Results, folder: Path) -> Results:
    """With a contact sheet on disk for each leak: blots that are the more blurred the less leaked."""
    (folder / "sheets").mkdir(parents=True, exist_ok=True)
    blots = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    truths = torch.nn.functional.interpolate(blots, size=64, mode="bilinear").clamp(0, 1)
    leaks = []
    for number, leak in enumerate(results.leaks):
        name = f"sheets/{number}.png"
        side = max(2, round(64 * sum(leak.scores["ssim"]) / len(leak.scores["ssim"]) / 2))
        small = torch.nn.functional.interpolate(truths, size=side, mode="area")
        made = torch.nn.functional.interpolate(small, size=64, mode="bilinear")
        contact_sheet([Column.of("truth", truths), Column.of(leak.attack, made)]).save(folder / name)
        leaks.append(replace(leak, sheet=name))
    scales = []
    for scale in results.scales:
        name = f"sheets/scale-{scale.design.target}.png"
        blind = [Column.of(recipe, [truths.mean(dim=0)] * len(truths)) for recipe in scale.blind]
        contact_sheet([Column.of("truth", truths), *blind, Column.of("8 px", truths)]).save(folder / name)
        scales.append(replace(scale, sheet=name))
    return replace(results, leaks=leaks, scales=scales)
