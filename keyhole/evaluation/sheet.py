"""The contact sheet of an evaluation: the truth, what the attacks made of it, the thumbnail that says as much, and what
the blind attacker shows."""

from __future__ import annotations

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


def evaluation_sheet(shown: Sequence[Shown], yardstick: Yardstick) -> Image.Image:
    """Pictures from the best to the worst reconstructed, the median among them.

    Args:
        shown: a column each; their pictures are those of the yardstick.
        yardstick: truths, thumbnails and the blind attacker.
    """
    best = strongest([each.row for each in shown])
    leading = next((each.heading for each in shown if each.row is best), "the blind attacker")
    blind = yardstick.floor.of(UNIT)
    scores = [each[UNIT.name] for each in best.scores] if best else blind
    places = ranked(scores, MOST)
    named = zip(places, _names(len(scores), MOST), strict=True)
    columns = [Column(f"truth, best first for\n{leading}", [_tile(yardstick.truths[at], name) for at, name in named])]
    for each in shown:
        side = each.row.standing.thumbnails[UNIT.name].text if each.row.standing else ""
        tiles = [_tile(each.pictures[at], _caption(each.row, at, yardstick)) for at in places]
        columns.append(Column(f"{each.heading}\n{side}", tiles, colour(each.row.attack)))
    if best and best.standing:
        columns += _equal(best.standing.thumbnails[UNIT.name].side, places, yardstick)
    recipe = yardstick.floor.best(UNIT)
    picture = yardstick.floor.shown[recipe]
    tiles = [_tile(picture, UNIT.caption(blind[at])) for at in places]
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


def _tile(picture: Tensor, caption: str = "") -> Tile:
    return Tile(transform.to_pil_image(picture.clamp(0, 1)), caption)


def _caption(row: EvaluationRow, at: int, yardstick: Yardstick) -> str:
    """The equivalent thumbnail of one picture alone, and its score."""
    score = row.scores[at][UNIT.name]
    alone = yardstick.scale.of([at]).equivalent(UNIT.name, [score], [yardstick.floor.of(UNIT)[at]])
    return f"{alone.brief}    {UNIT.caption(score)}"


def _equal(side: float, places: Sequence[int], yardstick: Yardstick) -> list[Column]:
    """The truths as their thumbnails of a size show them; none where no size does."""
    pixels = max(1, round(side))
    if not side or side >= yardstick.scale.full:
        return []
    made = shrunk(yardstick.truths[list(places)], pixels)
    scores = UNIT.scores(made, yardstick.truths[list(places)])
    tiles = [_tile(picture, UNIT.caption(score)) for picture, score in zip(made, scores, strict=True)]
    return [Column(f"truth at {pixels} px:\nequals the strongest", tiles)]
