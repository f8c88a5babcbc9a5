"""The frames that a report shows: those that most attacks finished, from the best reconstructed to the worst."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from keyhole.presentation import attacks
from monitor.found_store import Found
from monitor.history import History, LastScore
from monitor.store import BLIND, PICTURES
from monitor.validation import TRUTH

_ENOUGH = 5
Scores = Mapping[str, LastScore]
"""Of one frame, by attack."""


@dataclass(frozen=True)
class ExamplePicture:
    """A reconstruction: PNG bytes and its score."""

    png: bytes
    score: LastScore


@dataclass(frozen=True)
class ExampleFrame:
    """A frame whose pictures are kept.

    Attributes:
        truth: PNG bytes.
        shown: by attack, what was made of it, and what the blind attacker shows of everything.
        place: "best", "median" or "worst" among the frames that it stands for; of others empty.
        found: boxes that the cloud answered with.
    """

    frame_id: str
    truth: bytes
    shown: Mapping[str, ExamplePicture]
    place: str = ""
    found: Found = ()


@dataclass(frozen=True)
class Examples:
    """Frames to show.

    Attributes:
        frames: from the best to the worst.
        strongest: the attack whose SSIM says so: that with the highest mean on frames that most attacks finished.
        count: frames that these stand for.
    """

    frames: tuple[ExampleFrame, ...]
    strongest: str
    count: int


def choose_examples(run: Path, history: History, most: int) -> Examples:
    """Frames that most attacks finished: the best, the median, the worst, and some in between at even steps.

    Whoever shows only the newest shows what the last attack to finish left; whoever shows only the best shows what no
    attacker knows to pick.

    Args:
        run: its folder.
        history: the run.
        most: frames at most.
    """
    pictures, floor = run / PICTURES, {score.frame: score for score in history.floor}
    shown_blind = _picture(run / BLIND / f"{history.leaks.blind}.png")
    frames = {
        name: found for name, found in _by_frame(history.scores).items() if (pictures / name / f"{TRUTH}.png").is_file()
    }
    finished = {name: sum(score.final for score in found.values()) for name, found in frames.items()}
    if not frames:
        return Examples((), "", 0)
    top = [frames[name] for name, count in finished.items() if count == max(finished.values())]
    strongest = _strongest(top)
    ranked = [name for name in _of_most(finished) if strongest in frames[name]]
    ranked.sort(key=lambda name: -frames[name][strongest].ssim)
    last, rows = len(ranked) - 1, min(most, len(ranked))
    places = {last // 2, *(round(step) for step in np.linspace(0, last, rows - (rows < len(ranked))).tolist())}
    chosen = []
    for at in sorted(places):
        example = _example(pictures / ranked[at], frames[ranked[at]])
        if example is not None:
            frame = next(iter(frames[ranked[at]].values())).frame
            blind = {attacks.BLIND: ExamplePicture(shown_blind, floor[frame])} if shown_blind and frame in floor else {}
            shown, found = {**example.shown, **blind}, history.found.get(frame, ())
            chosen.append(replace(example, shown=shown, place=_place(at, len(ranked)), found=found))
    return Examples(tuple(chosen), strongest, len(ranked))


def _by_frame(scores: Sequence[LastScore]) -> dict[str, dict[str, LastScore]]:
    """Scores by frame and attack, of a frame id that came again those of the newest."""
    newest = {score.frame_id: score.frame for score in sorted(scores, key=lambda score: score.frame)}
    frames: dict[str, dict[str, LastScore]] = {}
    for score in scores:
        if score.frame == newest[score.frame_id]:
            frames.setdefault(score.frame_id, {})[score.attack] = score
    return frames


def _of_most(finished: Mapping[str, int]) -> list[str]:
    """Frames that most attacks finished and, where they are few, those that one attack fewer did, and so on."""
    found: list[str] = []
    for level in sorted(set(finished.values()), reverse=True):
        if len(found) >= _ENOUGH:
            break
        found += [name for name, count in finished.items() if count == level]
    return found


def _strongest(frames: Sequence[Scores]) -> str:
    """The attack with the highest mean SSIM among those that met most of the frames."""
    ssim: dict[str, list[float]] = {}
    for frame in frames:
        for name, score in frame.items():
            ssim.setdefault(name, []).append(score.ssim)
    return max(ssim, key=lambda name: (len(ssim[name]), float(np.mean(ssim[name]))))


def _place(at: int, count: int) -> str:
    if count == 1:
        return ""
    return {count - 1: "worst", (count - 1) // 2: "median", 0: "best"}.get(at, "")


def _example(folder: Path, scores: Scores) -> ExampleFrame | None:
    truth = _picture(folder / f"{TRUTH}.png")
    found = {name: _picture(folder / f"{name}.png") for name in scores}
    shown = {name: ExamplePicture(png, scores[name]) for name, png in found.items() if png is not None}
    return ExampleFrame(folder.name, truth, shown) if truth is not None and shown else None


def _picture(path: Path) -> bytes | None:
    try:
        png = path.read_bytes()
        with Image.open(io.BytesIO(png)) as picture:
            picture.verify()
    except (OSError, UnidentifiedImageError, SyntaxError):
        return None
    return png
