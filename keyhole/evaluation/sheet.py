"""The contact sheet of an evaluation: the truth, what the attacks made of it, the thumbnail that says as much, and what
the blind attacker shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.attacks import FLOOR
from keyhole.evaluation.scores import UNIT, EvaluationRow, strongest
from keyhole.evaluation.yardstick import Yardstick
from keyhole.metrics.thumbnails import shrunk
from keyhole.presentation.attacks import colour
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet

MOST = 5
"""Pictures on a sheet."""


@dataclass(frozen=True)
class Shown:
    """What an attack made.

    Attributes:
        heading: who made it, where.
        row: its scores.
        pictures: 3×H×W each.
    """

    heading: str
    row: EvaluationRow
    pictures: Sequence[Tensor]


def evaluation_sheet(shown: Sequence[Shown], yardstick: Yardstick, clip: int = 1) -> Image.Image:
    """Pictures from the best to the worst reconstructed, the median among them; with clips all frames of each.

    Args:
        shown: a column each; their pictures are those of the yardstick.
        yardstick: truths, thumbnails and the blind attacker.
        clip: frames of a clip; 1: each picture is by itself.
    """
    best = strongest([each.row for each in shown])
    leading = next((each.heading for each in shown if each.row is best), "the blind attacker")
    blind = yardstick.floor.of(UNIT)
    scores = [each[UNIT.name] for each in best.scores] if best else blind
    groups = [range(at, at + clip) for at in range(0, len(scores), clip)]
    means = [_mean(scores, group) for group in groups]
    places = [groups[number] for number in ranked(means, MOST)]
    named = zip(places, _names(len(groups), MOST), strict=True)
    columns = [Column(f"truth, best first for\n{leading}", [_tile(yardstick.truths, at, name) for at, name in named])]
    for each in shown:
        side = each.row.standing.thumbnails[UNIT.name].text if each.row.standing else ""
        tiles = [_tile(each.pictures, at, _caption(each.row, at, yardstick)) for at in places]
        columns.append(Column(f"{each.heading}\n{side}", tiles, colour(each.row.attack)))
    if best and best.standing:
        columns += _equal(best.standing.thumbnails[UNIT.name].side, places, yardstick)
    recipe = yardstick.floor.best(UNIT)
    picture = yardstick.floor.shown[recipe]
    tiles = [_tile([picture], range(1), UNIT.caption(_mean(blind, at))) for at in places]
    return contact_sheet([*columns, Column(f"{FLOOR} attacker\n{recipe}, of any picture", tiles, colour(FLOOR))])


def ranked(scores: Sequence[float], most: int) -> list[int]:
    """Places of the best, the median and the worst score, and of some at even steps between, the best first.

    >>> ranked([0.1, 0.5, 0.2, 0.4, 0.3], 3)
    [1, 4, 0]
    """
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    last, count = len(order) - 1, min(most, len(order))
    return [order[last * step // max(1, count - 1)] for step in range(count)]


def _names(count: int, most: int) -> list[str]:
    """What `ranked` pictures are called."""
    shown = min(count, most)
    places = [(count - 1) * step // max(1, shown - 1) for step in range(shown)]
    called = {count - 1: f"worst of {count}", (count - 1) // 2: "median", 0: "best"}
    return [called.get(place, "") if count > 1 else "" for place in places]


def _mean(values: Sequence[float], places: Sequence[int]) -> float:
    return statistics.fmean(values[at] for at in places)


def _tile(pictures: Sequence[Tensor] | Tensor, places: Sequence[int], caption: str = "") -> Tile:
    """The pictures at the places, as near to a square as they go, row by row."""
    across = math.ceil(math.sqrt(len(places)))
    made = [transform.to_pil_image(pictures[at].clamp(0, 1)) for at in places]
    width, height = made[0].size
    whole = Image.new("RGB", (across * width, -(-len(made) // across) * height), "white")
    for number, one in enumerate(made):
        whole.paste(one, (number % across * width, number // across * height))
    return Tile(whole, caption)


def _caption(row: EvaluationRow, places: Sequence[int], yardstick: Yardstick) -> str:
    """The equivalent thumbnail of one picture or clip alone, and its score."""
    scores, blind = [row.scores[at][UNIT.name] for at in places], yardstick.floor.of(UNIT)
    alone = yardstick.scale.of(places).equivalent(UNIT.name, scores, [blind[at] for at in places])
    return f"{alone.brief}    {UNIT.caption(statistics.fmean(scores))}"


def _equal(side: float, places: Sequence[Sequence[int]], yardstick: Yardstick) -> list[Column]:
    """The truths as their thumbnails of a size show them; none where no size does."""
    pixels = max(1, round(side))
    if not side or side >= yardstick.scale.full:
        return []
    tiles = []
    for group in places:
        truths = yardstick.truths[list(group)]
        made = shrunk(truths, pixels)
        score = statistics.fmean(UNIT.scores(made, truths))
        tiles.append(_tile(made, range(len(made)), UNIT.caption(score)))
    return [Column(f"truth at {pixels} px:\nequals the strongest", tiles)]
