"""The contact sheet of an inversion, and the plot of accuracy against fidelity."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transform

from keyhole.evaluation.classes.references import PrivatePictures
from keyhole.evaluation.classes.rows import BEST_LIKED, Inversion, InversionRow
from keyhole.evaluation.classes.scores import ClassScore
from keyhole.evaluation.scores import Scores
from keyhole.evaluation.sheet import ranked
from keyhole.extensions import label as plain
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean
from keyhole.presentation.attacks import colour
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Dots, Key, Level, Mark, Symbol, around
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet

MOST = 7
"""Classes on a sheet."""
_TILE = 128
_RECIPES: tuple[Symbol, ...] = ("circle", "triangle", "diamond", "down", "cross", "plus")
_GREY = "#667085"
_BESIDE = (BEST_LIKED, "public-mean-best")


def inversion_sheet(done: Inversion, private: PrivatePictures, names: Sequence[str]) -> Image.Image:
    """Classes from the best to the worst recognised by the leading attack: two private pictures, then what each row
    shows, the first picture of each class.

    Args:
        done: the run.
        private: pictures of the classes.
        names: of the classes.
    """
    leading = done.leading
    labels = list(leading.score.classes)
    nearness = [-leading.score.classes[label]["feature_distance_judge"] for label in labels]
    chosen = [labels[place] for place in ranked(nearness, MOST)]
    real = [private.of_class(label) for label in chosen]
    columns = [
        Column(
            f"private, best first\nfor {leading.name}",
            [_tile(pictures[0], names[label]) for pictures, label in zip(real, chosen, strict=True)],
        ),
        Column("private", [_tile(pictures[min(1, len(pictures) - 1)]) for pictures in real]),
    ]
    columns += [
        Column(f"{row.name}\n{_judged(row)}", [_shown(row, label) for label in chosen], _colour(row))
        for row in (*done.attacks, *(row for row in done.floors if row.name in _BESIDE))
    ]
    return contact_sheet(columns, _TILE)


def accuracy_chart(done: Inversion, metrics: Sequence[Metric]) -> Chart:
    """Share recognised over the KNN distance, and over each metric of pixels: a mark for each row, further up and
    nearer to the private pictures is more of a leak.

    Args:
        done: the run.
        metrics: of pixels.
    """
    measures = [("knn_distance_judge", "KNN distance (judge); nearer is left")]
    sides = {"higher": "right", "lower": "left"}
    measures += [(one.name, f"{one.label}; nearer is {sides[one.better]}") for one in metrics]
    panels = tuple(panel for figure, title in measures if (panel := _panel(done, figure, title)))
    keys = tuple(Key(row.name, _colour(row), symbol=_symbol(row)) for row in done.rows)
    return Chart(
        "accuracy-fidelity",
        "recognised by the judge, and how near to private pictures",
        "A square is a row of public pictures, which no attack has made; bars are 95 % intervals over classes.",
        panels,
        (*keys, Key("real", _GREY, symbol="star")),
        height=420,
    )


def _panel(done: Inversion, figure: str, title: str) -> ChartPanel | None:
    scored: list[tuple[str, str, Symbol, ClassScore]] = [
        *((row.name, _colour(row), _symbol(row), row.score) for row in done.rows),
        ("real", _GREY, "star", done.real),
    ]
    dots: list[Dots] = []
    ends: list[float] = []
    for name, shade, symbol, score in scored:
        x, y = score.mean(figure), score.mean("top1")
        if x is None or y is None:
            continue
        ends += [x.mean, *(x.interval or ())]
        dots.append(Dots((name,), shade, symbol, (_mark(name, x, y),)))
    if not dots:
        return None
    top = ChartAxis("recognised (judge, top 1), %", (0.0, 104.0))
    guessing = Level("guessing", "y", 100 * done.chance(1))
    return ChartPanel("", ChartAxis(title, around(ends)), top, levels=(guessing,), dots=tuple(dots))


def _mark(name: str, x: Mean, y: Mean) -> Mark:
    up = (100 * y.interval[0], 100 * y.interval[1]) if y.interval else None
    return Mark(x.mean, 100 * y.mean, (name, f"top 1 {100 * y.mean:.1f} %"), name, across=x.interval, up=up)


def _symbol(row: InversionRow) -> Symbol:
    """A square of public pictures; of an attack a form for each of its recipes."""
    if row.chosen.entry.floor:
        return "square"
    return _RECIPES[list(row.chosen.entry.recipes).index(row.chosen.recipe_name) % len(_RECIPES)]


def _colour(row: InversionRow) -> str:
    return row.chosen.entry.colour or colour(plain(row.chosen.attack))


def _judged(row: InversionRow) -> str:
    found = row.score.mean("top1")
    return f"judge {100 * found.mean:.0f} %" if found else ""


def _shown(row: InversionRow, label: int) -> Tile:
    place = next(at for at, (own, _) in enumerate(row.score.wanted) if own == label)
    return _tile(row.pictures[place], _verdict(row.score.pictures[place]))


def _verdict(scores: Scores) -> str:
    if scores["top1"]:
        return "recognised"
    return "among five" if scores["top5"] else "not recognised"


def _tile(picture: Tensor, caption: str = "") -> Tile:
    return Tile(transform.to_pil_image(picture.clamp(0, 1)), caption)
