"""Figures of a run's report: the frames that it shows, its contact sheet and its plots."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from PIL import Image, UnidentifiedImageError

from keyhole.metrics.base import Metric
from keyhole.metrics.registry import DEFAULT, METRICS
from keyhole.presentation import attacks, stages
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet
from keyhole.presentation.plots import INK, STYLE, svg, wide_axes
from monitor.history import AnsweredFrame, LastScore
from monitor.validation import TRUTH

_BARS, _DOTS = 60, 500


@dataclass(frozen=True)
class ExamplePicture:
    """A reconstruction: PNG bytes and its score."""

    png: bytes
    score: LastScore


@dataclass(frozen=True)
class ExampleFrame:
    """A frame whose pictures are kept: its truth as PNG bytes, and by attack what was made of it."""

    frame_id: str
    truth: bytes
    shown: Mapping[str, ExamplePicture]


def choose_examples(pictures: Path, scores: Sequence[LastScore], most: int) -> tuple[ExampleFrame, ...]:
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
    chosen: list[ExampleFrame] = []
    for frame_id in sorted(frames, key=lambda name: (len(frames[name]), newest[name]), reverse=True):
        example = _example(pictures / frame_id, frames[frame_id])
        if example is not None:
            chosen.append(example)
        if len(chosen) == most:
            break
    return tuple(sorted(chosen, key=lambda example: newest[example.frame_id]))


def _example(folder: Path, scores: Mapping[str, LastScore]) -> ExampleFrame | None:
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


def frame_sheet(examples: Sequence[ExampleFrame], titles: Mapping[str, str]) -> Image.Image:
    """A row for each frame: its truth, then each attack's last reconstruction with its PSNR and SSIM."""
    truths = Column("Truth", [Tile.of_png(example.truth, example.frame_id) for example in examples])
    made = (
        Column(
            title.replace(" · ", "\n"), [_tile(example.shown.get(name)) for example in examples], attacks.colour(name)
        )
        for name, title in titles.items()
    )
    return contact_sheet([truths, *made])


def _tile(shown: ExamplePicture | None) -> Tile:
    if shown is None:
        return Tile(None, "not attacked")
    return Tile.of_png(shown.png, "    ".join(METRICS[name].caption(shown.score.values[name]) for name in DEFAULT))


def scores_over_time(scores: Sequence[LastScore], metric: Metric, threshold: float | None = None) -> str:
    """A dot for each frame and attack, of many frames for at most 500 evenly spaced ones, and each attack's mean.

    Args:
        scores: the scores that count.
        metric: of the vertical axis; scores without a value of it are left out.
        threshold: drawn as a dashed line, where there is one.
    """
    with rc_context(STYLE):
        figure, axes = wide_axes()
        start = min(score.at for score in scores)
        scored = [score for score in scores if metric.name in score.values]
        for name in attacks.in_order(score.attack for score in scored):
            points = [(score.at - start, score.values[metric.name]) for score in scored if score.attack == name]
            mean = sum(value for _, value in points) / len(points)
            times, values = zip(*points[:: -(-len(points) // _DOTS)], strict=True)
            axes.plot(times, values, "o", markersize=4.5, alpha=0.75, color=attacks.colour(name), label=name)
            axes.axhline(mean, linewidth=1.6, color=attacks.colour(name))
        if threshold is not None:
            axes.axhline(threshold, linestyle=(0, (5, 4)), linewidth=1, color=INK, alpha=0.6)
        if metric.limits:
            axes.set_ylim(min(metric.limits[0], *axes.get_ylim()), metric.limits[1])
        axes.set_xlabel("seconds since the first score")
        axes.set_ylabel(metric.label)
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)


def latency_by_stage(frames: Sequence[AnsweredFrame]) -> str:
    """Stacked bars of milliseconds by stage; many frames are averaged in groups of equal number."""
    group = -(-len(frames) // _BARS)
    groups = [frames[at : at + group] for at in range(0, len(frames), group)]
    with rc_context(STYLE):
        figure, axes = wide_axes()
        floor = [0.0] * len(groups)
        for name in stages.parts({name for frame in frames for name in frame.stages}):
            heights = [1000 * sum(frame.stages.get(name, 0.0) for frame in some) / len(some) for some in groups]
            shown = stages.stage(name)
            top = [low + height for low, height in zip(floor, heights, strict=True)]
            axes.stairs(top, baseline=floor, fill=True, color=shown.colour, label=shown.title)
            floor = top
        axes.set_xlabel("answered frames, in order" if group == 1 else f"answered frames, in order, means of {group}")
        axes.set_ylabel("ms")
        axes.set_xticks([])
        axes.margins(x=0)
        axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure)
