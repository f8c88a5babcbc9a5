"""Several frames of a scene that moves, attacked together and each by itself, white box and black box."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.designs import CUT, Box, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET
from benchmarks.results.steps import Step
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import HEADLINE

FRAMES = 4
DEFENCES = ("none", "gaussian:scale=0.5")
PSNR = "psnr"


@dataclass(frozen=True)
class Together:
    """A recipe that takes the frames of a clip together, and what it is compared with.

    Attributes:
        title: of the recipe.
        box: of both.
        word: the attack.
        apart: the attack in which frames do not meet; in the black box an equally large network.
    """

    title: str
    box: Box
    word: str
    apart: str


RECIPES = (
    Together("the paper's term (Algorithm 2)", "white", "decoder-white/clip-paper", "decoder-white/paper"),
    Together("the same term, as strong as serves", "white", "decoder-white/clip", "decoder-white"),
    Together("aligned along the motion", "white", "decoder-white/clip-aligned", "decoder-white"),
    Together("the paper's 1×1 convolution", "black", "decoder-black/clip-paper", "decoder-black/clip-paper-apart"),
    Together("the same, trained as ours", "black", "decoder-black/clip", "decoder-black/clip-apart"),
)
PUBLISHED: Mapping[Box, tuple[float, float]] = {"white": (7.3, 0.39), "black": (4.0, 0.09)}
"""dB and SSIM that the paper's frames gain together, on its own clips (§6.6, §7.5)."""
Scores = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Clips:
    """A table of scores and a list of verdicts for each source of clips.

    Attributes:
        world: sizes and budgets.
        videos: zip or folder with a folder of numbered frames for each video; None: streetcam alone.
    """

    world: World
    videos: Path | None = None

    @property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Flags of each source of clips, by name. Frames of streetcam are half a second apart, those of videos a tenth,
        and black boxes learn from other videos of the same source."""
        videos = f"clips:{self.videos}"
        told = {"videos": ("--source", videos, "--public", videos, "--stride", "3")} if self.videos else {}
        return {"streetcam": ("--stride", "12"), **told}

    @cached_property
    def attacks(self) -> Mapping[tuple[str, str, str], Step]:
        """By source, defence and attack."""
        words = dict.fromkeys(word for recipe in RECIPES for word in (recipe.word, recipe.apart))
        return {
            (source, defence, word): self._step(source, flags, defence, word)
            for source, flags in self.sources.items()
            for defence in DEFENCES
            for word in words
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(self.attacks.values())

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        runs = {key: by_video(step.scores(root)) for key, step in self.attacks.items() if step.done(root)}
        return {
            name: text
            for source in self.sources
            for name, text in (
                (f"clips-{source}", _scores(source, runs)),
                (f"clips-{source}-gains", listed(list(_claims(source, runs)))),
            )
        }

    def _step(self, source: str, flags: tuple[str, ...], defence: str, word: str) -> Step:
        world = self.world
        if "-black" in word:
            iterations = () if "paper" in word else ("--iterations", str(world.steps))
            budget = ("--n", str(world.black // FRAMES), "--batch", "5", *iterations)
        else:
            budget = ("--n", str(world.white // 2), "--batch", "2")
        clip = ("--clip", str(FRAMES), *flags, "--cuts", CUT, "--defence", defence, "--no-judge")
        told = ("attack", "--target", "resnet18-streetcam", *world.model, "--attacks", word, *clip, *budget)
        return Step(f"clips-{source}-{word.replace('/', '-')}-{defence.partition(':')[0]}", "scores", told)


def by_video(run: Mapping[str, Any]) -> Scores:
    """Mean scores of each video's frames, by metric: frames of a clip, and clips of a video, are no looks of their own.

    Args:
        run: JSON of `keyhole attack --clip`, of one attack at one cut.
    """
    (row,) = run["rows"]
    videos = run["videos"]
    return {
        metric: [
            statistics.fmean(scores[metric] for scores, of in zip(row["pictures"], videos, strict=True) if of == video)
            for video in dict.fromkeys(videos)
        ]
        for metric in (HEADLINE, PSNR)
    }


def _scores(source: str, runs: Mapping[tuple[str, str, str], Scores]) -> str:
    words = dict.fromkeys(word for recipe in RECIPES for word in (recipe.apart, recipe.word))
    rows = [[f"`{word}`", *(_cell(runs.get((source, defence, word))) for defence in DEFENCES)] for word in words]
    return table([f"{source}, `{CUT}`", *(f"defence `{defence}`" for defence in DEFENCES)], rows)


def _cell(found: Scores | None) -> str:
    if found is None:
        return NOT_YET
    return f"{Mean.of(found[HEADLINE]).text(3)}; {statistics.fmean(found[PSNR]):.1f} dB"


def _claims(source: str, runs: Mapping[tuple[str, str, str], Scores]) -> Iterator[ClassClaim]:
    for recipe in RECIPES:
        for defence in DEFENCES:
            keys = ((source, defence, word) for word in (recipe.word, recipe.apart))
            one, other = map(runs.get, keys)
            gain = _gain(one, other, HEADLINE)
            more = _gain(one, other, PSNR)
            dB, ssim = PUBLISHED[recipe.box]  # noqa: N806 - the unit's own spelling
            paper = f", the paper {ssim:+.2f} and {dB:+.1f} dB on clips of its own" if defence == "none" else ""
            said = f"{more.mean:+.1f} dB" if more else ""
            through = "" if defence == "none" else f" through `{defence}`"
            text = f"{recipe.box} box, {recipe.title}{through}: frames together get more than apart{paper}"
            yield ClassClaim(text, [(said, gain)], "SSIM", 1)


def _gain(one: Scores | None, other: Scores | None, metric: str) -> Mean | None:
    if one is None or other is None:
        return None
    return Mean.of([a - b for a, b in zip(one[metric], other[metric], strict=True)])
