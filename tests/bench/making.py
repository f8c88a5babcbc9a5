"""A small made-up run; every figure follows from the design, so that tests can compute it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

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
    TrainingSetRecord,
)
from keyhole.bench.results import Failure, Results
from keyhole.judge.legibility import Legibility, ReadSecret
from keyhole.judge.recovery import Share
from keyhole.metrics.thumbnails import ThumbnailScale

CUTS = ("layer1.0", "layer2.0", "layer3.0")
DEFENCES = ("none", "gaussian:scale=0.5", "gaussian:scale=1")
CODECS = ("fp32", "int8")
LINKS = ("wifi", "lte")
TARGET = "toy"
WHOLE = Design(TARGET, EDGE_ONLY, "none", "none")
DESIGNS = tuple(Design(TARGET, cut, defence, codec) for cut in CUTS for defence in DEFENCES for codec in CODECS)
SPREAD = (-0.03, -0.01, 0.0, 0.01, 0.03)
"""How the pictures of a leak differ; their thumbnails differ in the same way."""
SIDES = (1, 2, 4, 8, 16, 32, 64)


def percentiles(p50: float) -> Percentiles:
    return Percentiles(p50, 1.5 * p50, 2 * p50)


def latency(design: Design, link: str, p50: float, payload: float = 4096.0) -> LatencyRecord:
    stages = {
        "edge_compute": percentiles(p50 / 8),
        "protect": percentiles(p50 / 8),
        "network": percentiles(p50 / 2),
        "cloud_compute": percentiles(p50 / 4),
    }
    return LatencyRecord(design, link, stages, percentiles(p50), frames=50, payload=payload)


def leak(design: Design, attack: str, ssim: float, seed: int = 0, **read: float) -> LeakRecord:
    """Five pictures whose mean SSIM is as given, and shares of secrets that were asked for eight times."""
    secrets = {name: Share(value, 0.05, 8) for name, value in read.items()}
    return LeakRecord(design, attack, seed, scores_of(ssim), secrets, passes=3.0, seconds=1.25)


def scores_of(ssim: float) -> dict[str, list[float]]:
    """Scores of five pictures by a mean SSIM."""
    return {
        "ssim": [ssim + step for step in SPREAD],
        "psnr": [10 + 20 * ssim + step for step in SPREAD],
        "fsim": [0.5 + ssim / 2 + step for step in SPREAD],
    }


def score(side: int) -> float:
    """Mean SSIM of thumbnails: 0.2 at a pixel, 0.1 more with each doubling."""
    return 0.2 + 0.1 * SIDES.index(side)


def legibility(**legible: int) -> Legibility:
    """Of forty questions for each secret the judge answers half right from a side on, before that one in twenty."""
    secrets = {}
    for name, least in legible.items():
        right = [[int(n % 2 == 0 if side >= least else n % 20 == 0) for n in range(40)] for side in SIDES]
        secrets[name] = ReadSecret(right, [1] * 40, 0.05)
    return Legibility(SIDES, secrets)


def scale(blind: float = 0.15, read: Legibility | None = None, **secrets: float) -> ScaleRecord:
    """Of pictures of 64 px, with the blind attacker's SSIM and shares of secrets."""
    unseen = {
        recipe: leak(WHOLE, f"blind/{recipe}", ssim, **secrets)
        for recipe, ssim in (("mean", blind - 0.05), ("flat", blind))
    }
    rows = [scores_of(score(side)) for side in SIDES]
    by_metric = {metric: [row[metric] for row in rows] for metric in rows[0]}
    return ScaleRecord(WHOLE, unseen, ThumbnailScale(64, SIDES, by_metric), read)


SHARES = (0.0, 0.2, 0.4, 0.4, 0.6, 0.8)
"""Of classes that an attack is recognised in; their mean is 0.4."""


def recalled(
    design: Design, attack: str, shares: Sequence[float] = SHARES, *, floor: bool = False
) -> TrainingSetRecord:
    """What the judge recognises of an attack, class by class, among twenty."""
    classes = {f"person {number}": {"top1": share} for number, share in enumerate(shares)}
    return TrainingSetRecord(design, attack, "white box", floor, classes, 5 * len(shares), 20, "faces", seconds=0.5)


def with_training_sets(results: Results, **shares: Sequence[float]) -> Results:
    """With an attack of that name on the classes of every design, public pictures (10 %) and real ones."""
    found = [
        record
        for design in results.designs
        for record in (
            recalled(design, "real", [1.0] * 6),
            recalled(design, "public-best", [0.1] * 6, floor=True),
            *(recalled(design, attack, of_classes) for attack, of_classes in shares.items()),
        )
    ]
    return replace(results, training_sets=found)


def strength(design: Design) -> int:
    return DEFENCES.index(design.defence)


def depth(design: Design) -> int:
    return CUTS.index(design.cut)


def ssim_of(design: Design) -> float:
    return round(0.9 - 0.25 * depth(design) - 0.15 * strength(design), 3)


def p50_of(design: Design, link: str) -> float:
    return (20.0 if link == "wifi" else 60.0) + 7 * depth(design) + strength(design) - 5 * (design.codec == "int8")


def accuracy_of(design: Design) -> float:
    return 80.0 - 1.5 * strength(design) - 0.25 * (design.codec == "int8")


def run() -> Results:
    whole, remote = WHOLE, Design(TARGET, CLOUD_ONLY, "none", "fp32")
    return Results(
        provenance={"command": "keyhole bench --preset quick", "machine": "toy box, 2 cores", "seeds": "0, 1"},
        latencies=[
            *(latency(design, link, p50_of(design, link)) for design in DESIGNS for link in LINKS),
            *(latency(whole, link, 31.0, 0.0) for link in LINKS),
            *(latency(remote, link, 123.0, 49152.0) for link in LINKS),
        ],
        accuracies=[
            *(AccuracyRecord(design, "top-1", accuracy_of(design), 2000) for design in DESIGNS),
            AccuracyRecord(whole, "top-1", 80.0, 2000),
        ],
        leaks=[
            found
            for design in DESIGNS
            for seed in (0, 1)
            for found in (
                leak(design, "pixels-white", ssim_of(design), seed, plate=ssim_of(design) / 2, driver=0.25),
                leak(design, "pixels-black", ssim_of(design) - 0.1, seed, plate=0.05),
            )
        ],
        profiles=[
            ProfileRecord(
                design,
                8192.0 / (1 + 3 * (design.codec == "int8")),
                1000,
                10**7 * (1 + depth(design)),
                dfil,
                memory=2**20 * (1 + depth(design)),
            )
            for design in DESIGNS
            for dfil in [None if design.defence == "none" else 2500.0 / strength(design)]
        ],
        scales=[scale()],
        failures=[Failure("leak | toy | layer1.0 | topk:share=0.1 | fp32", "RuntimeError: <out of> memory\nat line 3")],
    )


def with_sheets(results: Results, folder: Path) -> Results:
    """With a contact sheet on disk for every leak."""
    (folder / "sheets").mkdir(parents=True)
    leaks = []
    for number, found in enumerate(results.leaks):
        name = f"sheets/{number}.png"
        Image.new("RGB", (64, 48), (number % 256, 90, 90)).save(folder / name)
        leaks.append(replace(found, sheet=name))
    return replace(results, leaks=leaks)
