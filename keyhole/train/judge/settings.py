"""Flags of ``keyhole train judge``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.judge.settings import FEWEST
from keyhole.service.errors import UsageError


@dataclass(frozen=True)
class JudgeSettings:
    """Train the judge that reads plates, people and identities from pictures of streetcam; write int8 weights with a
    card. It sees true pictures of the pool `public` alone, half of them degraded to look like reconstructions. A
    stopped run goes on where it was. model.safetensors, card.json and legibility.json are what `keyhole monitor
    --judge` needs; the shipped ones lie in keyhole/judge/weights."""

    out: Path
    """Folder for the drawn pictures (1.3 GB by default), checkpoints and what the judge is stored in."""
    identities: int = 1500
    """Vehicles that the embedding learns to tell apart; one in fifteen is kept to see how well."""
    views: int = 10
    """Cameras that see each of them, 24 at most."""
    near: int = 12000
    """Pictures of further vehicles by near cameras, for plates and people. A picture takes 48 KiB of memory."""
    steps: int = 3000
    """Steps of the training on plates and people."""
    teacher_stages: tuple[str, ...] = ("64:12",)
    """Picture side and epochs of each stage in which a large network learns to tell vehicles apart, as SIDE:EPOCHS."""
    stages: tuple[str, ...] = ("96:8", "128:6")
    """The same of the judge's own embedder, which learns the large network's embeddings."""
    batch: int = 64
    """Pictures in a step of each training."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule on plates and people."""
    clean: float = 0.5
    """Share of the pictures that are not degraded."""
    every: int = 250
    """Steps between lines of progress on plates and people; on identities there is a line after each epoch."""
    audit: int = 200
    """Vehicles of the pool `audit` that the card's figures are measured on, each before all 24 cameras."""
    thumbnails: int = 400
    """Audit pictures from whose thumbnails the judge reads at the end, as `keyhole legibility` does."""
    workers: int = 2
    """Processes that draw the pictures; 0: this one."""
    precision: Literal["no", "bf16"] = "no"
    """`bf16` pays on processors with native bf16 arithmetic and is many times slower on others."""
    seed: int = 0
    """Seed of pictures, weights, order and degradation."""
    licence: str = "Apache-2.0"
    """Licence of the weights, for the card."""

    def __post_init__(self) -> None:
        for name, least in {
            "identities": 4,
            "near": 2,
            "steps": 2,
            "batch": 4,
            "every": 2,
            "audit": 2,
            "thumbnails": FEWEST,
        }.items():
            if getattr(self, name) < least:
                raise UsageError(f"--{name} {getattr(self, name)}: expected {least} or more")
        if not 2 <= self.views <= 24:
            raise UsageError(f"--views {self.views}: expected 2 to 24, as there are 24 cameras")
        if not 0 <= self.clean <= 1:
            raise UsageError(f"--clean {self.clean:g}: expected a share from 0 to 1")
