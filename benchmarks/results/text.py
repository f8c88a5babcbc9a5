"""What a text is worth to an attack at the deepest cuts: the true caption, a word on the background, a wrong one, none;
and what a text alone gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.results.claims import less_on_same
from benchmarks.results.class_claims import ClassClaim, listed
from benchmarks.results.designs import BOXES, Box, World
from benchmarks.results.page import table
from benchmarks.results.scores import NOT_YET, Leak, score_text
from benchmarks.results.steps import Step
from keyhole.data.streetcam.stream import Streetcam, drawn_at
from keyhole.metrics.interval import Mean

ATTACKS: Mapping[Box, str] = {"white": "diffusion-white", "black": "diffusion-black"}
CUTS = {"resnet18-streetcam": "layer4", "vit-tiny-streetcam": "blocks.11", "{clip}": "output"}
"""By target: the deepest cut, and the embedding of a CLIP."""
SCENES = {
    "on a bridge under a wide sky": "sky",
    "on a gravel road through grassland": "grassland",
    "on a snow field": "snow",
}
"""How captions say where a picture was taken, each with the word that an attacker might try."""
NONE, WORD, WRONG, TRUE, ALONE = (
    "no text",
    "a word on the background",
    "a wrong word",
    "the true caption",
    "caption alone",
)
PICTURES = 10
"""Before each background."""


@dataclass(frozen=True)
class Text:
    """A table of scores and a list of verdicts (§4.1 and §5.1 of the feature-inversion paper).

    The prior and the text encoder that it is told by are trained first, both on public pictures of streetcam.

    Attributes:
        world: sizes and budgets.
        pictures: before each background.
    """

    world: World
    pictures: int = PICTURES

    @cached_property
    def clip(self) -> Step:
        """A CLIP of public pictures: a target, and the prior's text encoder."""
        told = ("train", "target", "--task", "captions", "--data", "streetcam", "--architecture", "narrow:vit-96")
        return Step("text-clip", "folder", (*told, *self.world.model, "--pictures", "{cache}", "--workers", "1"))

    @cached_property
    def prior(self) -> Step:
        """The shipped autoencoder with a U-Net that is told captions."""
        told = ("train", "prior", "--data", "streetcam", "--autoencoder", "streetcam", "--text", "{clip}")
        return Step("text-prior", "folder", (*told, *self.world.model), {"clip": self.clip})

    @cached_property
    def attacks(self) -> Mapping[tuple[str, Box, str, str], tuple[Step, ...]]:
        """By target, box, scene and text; a step for each picture where each has a text of its own."""
        found: dict[tuple[str, Box, str, str], tuple[Step, ...]] = {}
        scenes = list(SCENES)
        others = dict(zip(scenes, (*scenes[1:], scenes[0]), strict=True))
        for target in CUTS:
            for box in BOXES:
                for scene, word in SCENES.items():
                    texts = {NONE: None, WORD: word, WRONG: SCENES[others[scene]]}
                    for name, text in texts.items():
                        found[target, box, scene, name] = (self._step(target, box, scene, name, self.pictures, text),)
                    found[target, box, scene, TRUE] = tuple(
                        self._step(target, box, caption, f"{word}-{number}", among, caption)
                        for number, (caption, among) in enumerate(self.captions(scene))
                    )
        return found

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps."""
        return (self.clip, self.prior, *(step for steps in self.attacks.values() for step in steps))

    def captions(self, scene: str) -> Sequence[tuple[str, int]]:
        """Captions of the first audit pictures before a background; each with the number of pictures up to it that
        `--showing` of it takes, of which the last is meant."""
        world, seen, found = Streetcam("audit", drawn_at(self.world.side)), [], []
        for index in count():
            caption = world.caption_at(index)
            seen.append(caption)
            if scene in caption:
                found.append((caption, sum(caption in each for each in seen)))
            if len(found) == self.pictures:
                return found
        raise AssertionError

    def tables(self, root: Path) -> dict[str, str]:
        """The tables as far as they are measured."""
        leaks = {key: leak for key, steps in self.attacks.items() if (leak := _leak(steps, root))}
        leaks |= {
            (target, box, scene, ALONE): leak
            for (target, box, scene, name), steps in self.attacks.items()
            if name == TRUE and box == "white" and (leak := _leak(steps, root, alone=True))
        }
        return {"text": self._scores(leaks), "text-gains": listed(list(self._claims(leaks)))}

    def _step(self, target: str, box: Box, showing: str, name: str, among: int, text: str | None) -> Step:
        world = self.world
        learned = ("--iterations", str(world.steps)) if box == "black" else ()
        told = () if text is None else ("--text", text)
        where = ("attack", "--target", target, *world.model, "--cuts", CUTS[target], "--attacks", ATTACKS[box])
        what = ("--showing", showing, "--n", str(among), "--batch", "5", "--prior", "{prior}", "--no-judge", *told)
        label = "clip" if target == "{clip}" else target.partition("-")[0]
        place = SCENES.get(showing, "caption")
        plain = f"text-{label}-{box}-{place}-{name.replace(' ', '-')}"
        return Step(plain, "scores", (*where, *what, *learned), {"clip": self.clip, "prior": self.prior})

    def _scores(self, leaks: Mapping[tuple[str, Box, str, str], Leak]) -> str:
        names = (NONE, WORD, WRONG, TRUE, ALONE)
        rows = [
            [_title(target), box, SCENES[scene], *(_cell(leaks, (target, box, scene, name)) for name in names)]
            for target in CUTS
            for box in BOXES
            for scene in SCENES
        ]
        return table(["target, cut", "box", "before", *names], rows)

    def _claims(self, leaks: Mapping[tuple[str, Box, str, str], Leak]) -> Iterator[ClassClaim]:
        for box in BOXES:
            for more, less in ((WORD, NONE), (TRUE, NONE), (TRUE, WORD), (WORD, WRONG)):
                gains = [(_title(target), _gain(leaks, target, box, more, less)) for target in CUTS]
                yield ClassClaim(f"{box} box: {more} is worth more than {less}", gains, "SSIM", 1)
        gains = [(_title(target), _gain(leaks, target, "white", TRUE, ALONE)) for target in CUTS]
        yield ClassClaim("white box: the frame with its caption gives more than the caption alone", gains, "SSIM", 1)


def _title(target: str) -> str:
    return f"{'CLIP' if target == '{clip}' else f'`{target}`'}, `{CUTS[target]}`"


def _cell(leaks: Mapping[tuple[str, Box, str, str], Leak], key: tuple[str, Box, str, str]) -> str:
    target, box, scene, name = key
    if name == ALONE and box == "black":
        return ""
    return score_text(leaks[target, box, scene, name]) if key in leaks else NOT_YET


def _gain(leaks: Mapping[tuple[str, Box, str, str], Leak], target: str, box: Box, more: str, less: str) -> Mean | None:
    """Over the pictures before all backgrounds; None where one is not measured."""
    keys = [[(target, box, scene, name) for scene in SCENES] for name in (more, less)]
    if not all(key in leaks for part in keys for key in part):
        return None
    one, other = (Leak([_joined([leaks[key] for key in part])]) for part in keys)
    return less_on_same(other, one)


def _joined(parts: Sequence[Leak]) -> dict[str, list[float]]:
    metrics = parts[0].trainings[0]
    return {metric: [value for part in parts for value in part.pictures(metric)] for metric in metrics}


def _leak(steps: Sequence[Step], root: Path, *, alone: bool = False) -> Leak | None:
    """The leak of one run, or of the last picture of each of several; ``alone``: what the prior samples by their texts,
    without any frame."""
    if not all(step.done(root) for step in steps):
        return None
    runs = [step.scores(root) for step in steps]
    if len(runs) == 1 and not alone:
        return Leak.of(runs)
    pictures = [_pictures(run, alone=alone)[-1] for run in runs]
    return Leak.of([{"rows": [{"pictures": pictures}]}])


def _pictures(run: Mapping[str, Any], *, alone: bool) -> Sequence[Mapping[str, float]]:
    found: Sequence[Mapping[str, float]] = (
        run["blind"]["recipes"]["sample"]["pictures"] if alone else run["rows"][0]["pictures"]
    )
    return found
