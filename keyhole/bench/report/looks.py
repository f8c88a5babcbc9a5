"""Looks of designs in every chart: a colour for each defence, a symbol for each codec, and the key that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import get_args

from keyhole.bench.advice.options import UNDEFENDED
from keyhole.presentation.charts.chart import INK, ChartPanel, Dots, Key, Mark, Symbol

BLIND, LIMIT, ALLOWED, WHOLE = "blind attacker, guessing", "limit", "allowed", "no split"
GREY, GREEN = "#8d99ae", "#2fae7d"
_COLOURS = (
    *("#e8901a", "#3d9be0", "#2fae7d", "#a371f7", "#e0567a", "#c2a83e", "#12a5b8", "#8a5a44"),
    *("#2f3e9e", "#7cb518", "#d63ad0", "#b3261e", "#0b6e4f", "#4a4a4a"),
)


@dataclass(frozen=True)
class Looks:
    """How the marks of a chart look.

    Attributes:
        colours: by defence; grey for none. With more defences than colours they come again.
        symbols: by codec.
    """

    colours: Mapping[str, str]
    symbols: Mapping[str, Symbol]

    @classmethod
    def of(cls, defences: Iterable[str], codecs: Iterable[str]) -> Looks:
        """Looks for these defences and codecs, in their order."""
        others = cycle(_COLOURS)
        return cls(
            {name: GREY if name == UNDEFENDED else next(others) for name in dict.fromkeys(defences)},
            dict(zip(dict.fromkeys(codecs), cycle(get_args(Symbol)), strict=False)),
        )

    def dots(self, marks: Iterable[tuple[str, str, Mark]]) -> tuple[Dots, ...]:
        """The marks, each with its defence and its codec, together where they look alike."""
        alike: dict[tuple[str, str], list[Mark]] = {}
        for defence, codec, mark in marks:
            alike.setdefault((defence, codec), []).append(mark)
        return tuple(
            Dots((defence, codec), self.colours[defence], self.symbols[codec], tuple(found))
            for (defence, codec), found in alike.items()
        )

    def whole(self, marks: Iterable[Mark]) -> tuple[Dots, ...]:
        """The marks of designs that do not split."""
        found = tuple(marks)
        return (Dots((WHOLE,), INK, "star", found),) if found else ()

    def keys(self, panels: Iterable[ChartPanel]) -> tuple[Key, ...]:
        """The key of the panels: a coloured dot for each defence, an outline for each codec, and what else is drawn."""
        panels = tuple(panels)
        regions = dict.fromkeys(region.name for panel in panels for region in panel.regions)
        levels = {level.name: level for panel in panels for level in panel.levels}
        inked = {curve.name: curve for panel in panels for curve in panel.curves if curve.colour == INK}
        unsplit = any(WHOLE in dots.names for panel in panels for dots in panel.dots)
        return (
            *(Key(name, colour, "circle") for name, colour in self.colours.items()),
            *(Key(name, INK, symbol) for name, symbol in self.symbols.items()),
            *([Key(WHOLE, INK, "star")] if unsplit else []),
            *(Key(curve.name, INK, dash=curve.dash) for curve in inked.values()),
            *(Key(level.name, INK, dash=level.dash) for level in levels.values()),
            *(Key(name, GREEN) for name in regions),
        )
