"""Flags of ``keyhole data``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyhole.data.streetcam.pools import VehiclePool


@dataclass(frozen=True)
class SetsSettings:
    """List the data sets that can be opened as NAME:PATH, with layout, parts and where each is obtained."""

    filter: str = ""
    """Only sets whose name or task contains this text."""


@dataclass(frozen=True)
class StreetcamSettings:
    """Draw pictures of the embedded world."""

    sheet: Path = Path("streetcam.png")
    """Where to write the contact sheet: PNG, JPEG or WebP."""
    show: Literal["bodies", "stream", "vehicle", "clip"] = "bodies"
    """Every body from every viewpoint, the first pictures of the stream, one vehicle before all cameras, or clips."""
    pool: VehiclePool = "audit"
    """Whose vehicles to draw."""
    size: Literal[64, 128, 256] = 128
    """Side of a picture in pixels."""
    seed: int = 0
    """Seed of the passages: hour, weather, people, plates."""
    world: int = 0
    """Seed of the vehicles and the cameras."""
