"""Curves of accuracy against leak, one for each defence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from keyhole.bench.advice.options import UNDEFENDED, Option, metrics_of
from keyhole.bench.report.leakage import Leakage, by_metric, headline
from keyhole.bench.report.looks import ALLOWED, BLIND, LIMIT, Looks
from keyhole.bench.report.view import TargetView
from keyhole.presentation.charts.chart import Chart, ChartAxis, ChartPanel, Curve, Level, Mark, Region, around

_FILE = re.compile(r"(^|[:,])file=")
_READING = (
    "A line is one defence at rising strength, starting at the undefended design; a good one goes left (less leaks) "
    "without going down (no accuracy lost)."
)


def defence_curves(view: TargetView) -> Iterator[Chart]:
    """Accuracy against leak, a panel for each cut, a chart for each metric; none without a defence."""
    for measure in _measures(view):
        shown = _comparable(view.options, measure)
        cuts = list(dict.fromkeys(option.design.cut for option in shown))
        panels = {cut: [option for option in shown if option.design.cut == cut] for cut in cuts}
        yield from _chart(
            view,
            measure,
            panels,
            f"defences-{measure.name}",
            f"Accuracy against leak, by defence ({measure.title})",
            _READING,
        )


def curves_within(view: TargetView, room: str) -> Iterator[Chart]:
    """Accuracy against leak of all defences whose head, wherever it ends, needs no more memory than the undefended one
    that ends at a cut: a chart for each metric (PATROL, Fig. 5); none where there is no such head."""
    whole = undefended_heads(view.options)
    if room not in whole:
        return
    defended = (option for option in view.splits if option.design.defence != UNDEFENDED)
    fitting = [option for option in defended if option.memory and option.memory <= whole[room]]
    bare = [option for option in view.options if (option.design.cut, option.design.defence) == (room, UNDEFENDED)]
    for measure in _measures(view):
        yield from _chart(
            view,
            measure,
            {f"in the memory of {room}": _comparable([*bare, *fitting], measure)},
            f"defences-within-{room}-{measure.name}",
            f"Accuracy against leak in the memory of {room} ({measure.title})",
            f"{_READING} Heads that were pruned may end deeper than {room}; all need {whole[room] / 2**20:.1f} MiB at "
            "most.",
        )


def undefended_heads(options: Sequence[Option]) -> dict[str, int]:
    """Bytes that heads need without a defence, by the cut at which they end, as far as that was measured."""
    bare = (option for option in options if option.splits and option.design.defence == UNDEFENDED)
    return {option.design.cut: option.memory for option in bare if option.memory}


def family(defence: str) -> str:
    """A defence without its settings.

    >>> family("gaussian:scale=0.5"), family("patrol+gaussian:scale=0.5"), family("none")
    ('gaussian', 'patrol+gaussian', 'none')
    """
    return defence.partition(":")[0]


def strength(defence: str) -> str:
    """The settings of a defence; where a mechanism's file lies is none of its strength.

    >>> strength("gaussian:scale=0.5"), strength("disco:share=0.5+channel-filter:file=runs/disco/mechanism.safetensors")
    ('scale=0.5', 'share=0.5')
    """
    return "+".join(part for part in defence.partition(":")[2].split("+") if not _FILE.search(part))


def _measures(view: TargetView) -> Iterator[Leakage]:
    """What is against accuracy: the headline first."""
    if view.scale:
        yield headline(view)
    yield from (by_metric(view, metric) for metric in metrics_of(view.options))


def _comparable(options: Sequence[Option], measure: Leakage) -> list[Option]:
    return [option for option in options if option.splits and option.accuracy and measure.read(option)]


def _chart(
    view: TargetView, measure: Leakage, panels_of: Mapping[str, Sequence[Option]], name: str, title: str, reading: str
) -> Iterator[Chart]:
    shown = [option for options in panels_of.values() for option in options]
    if all(option.design.defence == UNDEFENDED for option in shown):
        return
    looks = Looks.of((family(option.design.defence) for option in shown), (option.design.codec for option in shown))
    values = ChartAxis(
        f"{shown[0].accuracy.measure if shown[0].accuracy else ''}, %",
        around([option.accuracy.value for option in shown if option.accuracy]),
    )
    panels = tuple(_panel(view, measure, title, here, values, looks) for title, here in panels_of.items())
    yield Chart(name, title, reading, panels, looks.keys(panels), height=300 if len(panels) > 1 else 400)


def _panel(
    view: TargetView, measure: Leakage, title: str, here: Sequence[Option], values: ChartAxis, looks: Looks
) -> ChartPanel:
    least = _least_accuracy(view)
    levels = [
        *([Level(LIMIT, "x", measure.limit)] if measure.limit is not None else []),
        *([Level(LIMIT, "y", least)] if least is not None else []),
        *([Level(BLIND, "x", measure.blind, "dotted")] if measure.blind is not None else []),
    ]
    return ChartPanel(
        title,
        measure.axis,
        values,
        regions=(Region(ALLOWED, (None, measure.limit), (least, None)),) if measure.limit is not None else (),
        levels=tuple(levels),
        curves=tuple(_curves(measure, here, looks)),
        dots=looks.dots(
            (family(option.design.defence), option.design.codec, _mark(view, measure, option)) for option in here
        ),
    )


def _least_accuracy(view: TargetView) -> float | None:
    """The accuracy that may not be fallen below, where the limit and what is lost from are known."""
    most = view.limits.accuracy_loss
    whole = [each.accuracy.value + each.loss for each in view.options if each.accuracy and each.loss is not None]
    return None if most is None or not whole else max(whole) - most


def _mark(view: TargetView, measure: Leakage, option: Option) -> Mark:
    reading, accuracy = measure.read(option), option.accuracy
    assert reading and accuracy  # noqa: PT018 - only those are shown
    label = "" if option.design.defence == UNDEFENDED else strength(option.design.defence)
    link = view.pictures.get(option.design, "")
    return Mark(
        reading[0], accuracy.value, view.facts(option), label, across=reading[1], up=accuracy.interval, link=link
    )


def _curves(measure: Leakage, here: Sequence[Option], looks: Looks) -> Iterator[Curve]:
    """A curve for each defence and codec by rising leak; it ends at the undefended design."""
    for codec in looks.symbols:
        mine = [option for option in here if option.design.codec == codec]
        for name, colour in looks.colours.items():
            if name == UNDEFENDED or not any(family(option.design.defence) == name for option in mine):
                continue
            points = sorted(
                (reading[0], option.accuracy.value)
                for option in mine
                if family(option.design.defence) in (name, UNDEFENDED)
                and option.accuracy
                and (reading := measure.read(option))
            )
            yield Curve(name, colour, tuple(points))
