"""Accuracy over fidelity of attacks on classes: a mark for each attack and each row of public pictures."""

from __future__ import annotations

from benchmarks.results.inversions import NEAREST, REAL, TOP1, InversionRun
from keyhole.attacks.classes.registry import choose_class_attack
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Dots, Key, Level, Mark, Symbol, around

_GREY = "#667085"
_OVER = ((NEAREST, "KNN distance (judge); nearer is left"), ("ssim", "SSIM; nearer is right"))


def accuracy_fidelity(name: str, run: InversionRun) -> Chart:
    """The chart of a run.

    Args:
        name: of its file.
        run: with the figures of `_OVER`.
    """
    looks = {word: _look(word) for word in (*run.attacks, *run.public, REAL)}
    keys = tuple(Key(word, colour, symbol) for word, (colour, symbol) in looks.items())
    panels = tuple(_panel(run, figure, title, looks) for figure, title in _OVER)
    reading = (
        "Further up is recognised more often. Squares are public pictures, the star real ones; bars are 95 % intervals."
    )
    return Chart(name, "recognised by the judge, over nearness to private pictures", reading, panels, keys, height=420)


def _panel(run: InversionRun, figure: str, title: str, looks: dict[str, tuple[str, Symbol]]) -> ChartPanel:
    dots, ends = [], []
    for word, (colour, symbol) in looks.items():
        x, y = run.mean(word, figure), run.mean(word, TOP1)
        if x is None or y is None:
            continue
        ends += [x.mean, *(x.interval or ())]
        up = (100 * y.interval[0], 100 * y.interval[1]) if y.interval else None
        mark = Mark(x.mean, 100 * y.mean, label=word, across=x.interval, up=up)
        dots.append(Dots((word,), colour, symbol, (mark,)))
    guessing = Level("guessing", "y", 100 * run.document["guessing"][TOP1])
    top = ChartAxis("recognised (judge, top 1), %", (0.0, 104.0))
    return ChartPanel("", ChartAxis(title, around(ends)), top, levels=(guessing,), dots=tuple(dots))


def _look(word: str) -> tuple[str, Symbol]:
    if word == REAL:
        return _GREY, "star"
    chosen = choose_class_attack(word)
    if chosen.entry.floor:
        return chosen.entry.colour or _GREY, "square"
    first = next(iter(chosen.entry.recipes))
    return chosen.entry.colour or _GREY, "circle" if chosen.recipe_name == first else "triangle"
