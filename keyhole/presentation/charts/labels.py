"""Where names of marks are written: none over another or over a mark, however large the panel is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keyhole.presentation.charts.chart import ChartAxis, ChartPanel, Mark

SMALLEST = (250.0, 200.0)
"""Width and height in pixels of the smallest area that a panel's marks are drawn on; labels find room on that."""
FONT = 11.0
"""Size of a label, pixels."""
_LETTER, _LINE, _DOT = 0.58 * FONT, 1.25 * FONT, 8.0
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


@dataclass(frozen=True)
class PlacedLabel:
    """A mark's name where it is written.

    Attributes:
        mark: whose.
        names: of its dots, see `Dots`.
        right, up: -1, 0 or 1: to the left of the mark, on its middle, to the right; below, level, above.
    """

    mark: Mark
    names: tuple[str, ...]
    right: int
    up: int


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    left: float
    low: float
    right: float
    high: float

    def clear_of(self, other: _Box) -> bool:
        """Whether they do not touch, nor would if the panel grew: boxes keep their size and marks move apart."""
        first, second = (self, other) if self.x <= other.x else (other, self)
        lower, upper = (self, other) if self.y <= other.y else (other, self)
        return first.right <= second.left or lower.high <= upper.low


def placed(panel: ChartPanel) -> Iterator[PlacedLabel]:
    """The labels of a panel's marks that have room."""
    marks = [(mark, dots.names) for dots in panel.dots for mark in dots.marks]
    taken = [_dot(mark, panel) for mark, _ in marks]
    named = (place for place, (mark, _) in enumerate(marks) if mark.label)
    for place in sorted(named, key=lambda place: not marks[place][0].first):
        mark, names = marks[place]
        others = [*taken[:place], *taken[place + 1 :]]
        boxes = {side: _text(taken[place], mark.label, *side) for side in _SIDES}
        free = [side for side, box in boxes.items() if _inside(box) and all(box.clear_of(other) for other in others)]
        if free:
            side = min(free, key=lambda side: _crossed(boxes[side], panel))
            taken.append(boxes[side])
            yield PlacedLabel(mark, names, *side)


def _crossed(box: _Box, panel: ChartPanel) -> int:
    """How many levels run through a label; it is written there only where nothing else is free."""
    places = [
        (level.on, _at(level.at, panel.x if level.on == "x" else panel.y) * SMALLEST[level.on == "y"])
        for level in panel.levels
    ]
    ends = {"x": (box.left, box.right), "y": (box.low, box.high)}
    return sum(ends[on][0] < place < ends[on][1] for on, place in places)


def _dot(mark: Mark, panel: ChartPanel) -> _Box:
    x, y = _at(mark.x, panel.x) * SMALLEST[0], _at(mark.y, panel.y) * SMALLEST[1]
    return _Box(x, y, x - _DOT / 2, y - _DOT / 2, x + _DOT / 2, y + _DOT / 2)


def _at(value: float, axis: ChartAxis) -> float:
    low, high = axis.span
    return (value - low) / (high - low)


def _text(dot: _Box, text: str, right: int, up: int) -> _Box:
    width = _LETTER * len(text)
    left = dot.right if right > 0 else dot.left - width if right < 0 else dot.x - width / 2
    low = dot.high if up > 0 else dot.low - _LINE if up < 0 else dot.y - _LINE / 2
    return _Box(dot.x, dot.y, left, low, left + width, low + _LINE)


def _inside(box: _Box) -> bool:
    return box.left >= 0 and box.low >= 0 and box.right <= SMALLEST[0] and box.high <= SMALLEST[1]
