"""The frames that a report shows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from monitor.history import LastScore
from monitor.validation import TRUTH


@dataclass(frozen=True)
class Shown:
    """A reconstruction: PNG bytes and its score."""

    png: bytes
    score: LastScore


@dataclass(frozen=True)
class Exhibit:
    """A frame whose pictures are kept: its truth as PNG bytes, and by attack what was made of it."""

    frame_id: str
    truth: bytes
    shown: Mapping[str, Shown]


def choose(pictures: Path, scores: Sequence[LastScore], most: int) -> tuple[Exhibit, ...]:
    """Frames to show: those that most attacks worked on, the newest first among equals; never by their score.

    Args:
        pictures: the run's folder of pictures.
        scores: the scores that count, oldest first.
        most: frames at most.

    Returns:
        In the order of time.
    """
    newest = {score.frame_id: score.frame for score in sorted(scores, key=lambda score: score.frame)}
    frames: dict[str, dict[str, LastScore]] = {}
    for score in scores:
        if score.frame == newest[score.frame_id]:
            frames.setdefault(score.frame_id, {})[score.attack] = score
    chosen: list[Exhibit] = []
    for frame_id in sorted(frames, key=lambda name: (len(frames[name]), newest[name]), reverse=True):
        exhibit = _exhibit(pictures / frame_id, frames[frame_id])
        if exhibit is not None:
            chosen.append(exhibit)
        if len(chosen) == most:
            break
    return tuple(sorted(chosen, key=lambda exhibit: newest[exhibit.frame_id]))


def _exhibit(folder: Path, scores: Mapping[str, LastScore]) -> Exhibit | None:
    truth = _picture(folder / f"{TRUTH}.png")
    found = {name: _picture(folder / f"{name}.png") for name in scores}
    shown = {name: Shown(png, scores[name]) for name, png in found.items() if png is not None}
    return Exhibit(folder.name, truth, shown) if truth is not None and shown else None


def _picture(path: Path) -> bytes | None:
    try:
        png = path.read_bytes()
        with Image.open(io.BytesIO(png)) as picture:
            picture.verify()
    except (OSError, UnidentifiedImageError, SyntaxError):
        return None
    return png
