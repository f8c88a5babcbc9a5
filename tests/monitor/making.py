"""Messages as edge and adversary would send them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keyhole.v1.referee_pb2 import Deployment, Outcome, Reconstruction, Score, Truth
from keyhole.v1.tensor_pb2 import Picture
from keyhole.wire.pictures import pack_picture
from monitor.leak_meter import LeakMeter
from monitor.referee import Referee
from monitor.scoring import Listener, ScoredReconstruction

WHERE = Deployment(
    edge="edge-0", target="tiny", cut="layer2", codec="fp16", defence="none", link="lte", cloud="127.0.0.1:1", tls=False
)
FRAME = "edge-0-000001"


def pixels(scene: int = 0, size: int = 24) -> Tensor:
    """A picture with structure: RGB, 3×size×size in [0, 1], in steps of 1/255."""
    random = torch.Generator().manual_seed(scene)
    coarse = torch.rand(1, 3, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")[0]
    return (smooth * 255).round() / 255


def worse(picture: Tensor, noise: float, seed: int = 0) -> Tensor:
    """The picture with noise on it, in steps of 1/255."""
    random = torch.Generator().manual_seed(seed)
    noisy = picture + noise * torch.randn(picture.shape, generator=random)
    return (noisy.clamp(0, 1) * 255).round() / 255


def truth(frame_id: str = FRAME, scene: int = 0, size: int = 24, **fields: Any) -> Truth:
    """A frame's truth."""
    picture = pack_picture(pixels(scene, size))
    defaults = {"picture": picture, "captured_at": 1000.0, "label": "cat", "deployment": WHERE}
    return Truth(frame_id=frame_id, **{**defaults, **fields})


def guess(
    frame_id: str = FRAME,
    attack: str = "pixels-white",
    noise: float = 0.1,
    scene: int = 0,
    size: int = 24,
    **fields: Any,
) -> Reconstruction:
    """A reconstruction of `truth(frame_id, scene, size)`, the worse the more noise."""
    knowledge = "white box" if attack.endswith("white") else "black box"
    defaults = {"picture": pack_picture(worse(pixels(scene, size), noise)), "knowledge": knowledge, "tap": "cloud"}
    return Reconstruction(frame_id=frame_id, attack=attack, **{**defaults, **fields})


def blind(frame_id: str = FRAME, rung: str = "flat", level: float = 0.5, size: int = 24) -> Reconstruction:
    """What the blind attacker shows of `truth(frame_id)`: one grey."""
    grey = pack_picture(torch.full((3, size, size), round(255 * level) / 255))
    facts = {"knowledge": "blind", "tap": "cloud", "final": True, "iteration": 1}
    return Reconstruction(frame_id=frame_id, attack="blind", rung=rung, picture=grey, **facts)


def measured(meter: LeakMeter) -> None:
    """Measure all that waits, as the meter's own thread would do in time."""
    while meter.measure_next():
        pass
    meter.restate()


def outcome(frame_id: str = FRAME, dropped: str = "", **stages: float) -> Outcome:
    """What became of a frame."""
    return Outcome(
        frame_id=frame_id, dropped=dropped, stages=stages, prediction="dog", payload_bytes=2048, edge="edge-0"
    )


def mean_square(left: Tensor, right: Tensor) -> float:
    """Of the difference, computed without torch."""
    return float(np.mean((left.numpy().astype(np.float64) - right.numpy().astype(np.float64)) ** 2))


def png(data: bytes) -> Picture:
    """A picture of these bytes, whatever they are."""
    return Picture(png=data)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rows(run: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(run / "run.sqlite") as database:
        return database.execute(query).fetchall()


class Ear(Listener):
    """Hears everything."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self.outcomes: list[Outcome] = []
        self.cases: list[ScoredReconstruction] = []
        self.lost: list[Reconstruction] = []
        self.reasons: list[str] = []

    def witnessed(self, truth: Truth) -> None:
        self.truths.append(truth)

    def concluded(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def judged(self, case: ScoredReconstruction) -> None:
        self.cases.append(case)

    def unmatched(self, reconstruction: Reconstruction, reason: str) -> None:
        self.lost.append(reconstruction)
        self.reasons.append(reason)


def scored(referee: Referee, made: Reconstruction) -> Score:
    """The score of a reconstruction whose truth is there."""
    score = referee.submit(made)
    assert score is not None
    return score
