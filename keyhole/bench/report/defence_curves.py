"""Curves of accuracy against leak, one for each defence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keyhole.bench.advice.options import UNDEFENDED, Option, metrics_of
from keyhole.bench.report.figures import PLOT_STYLE, Plot, colours, key, markers, name_marks, panels
from keyhole.metrics.base import Metric

_FILE = re.compile(r"(^|[:,])file=")
_READING = (
    "A line is one defence at rising strength, starting at the undefended design; a good one goes left (less leaks) "
    "without going down (no accuracy lost)."
)


def defence_curves(options: Sequence[Option]) -> Iterator[Plot]:
    """Accuracy against leak, a panel for each cut, a plot for each metric; none without a defence."""
    for metric in metrics_of(options):
        shown = _comparable(options, metric)
        if all(option.design.defence == UNDEFENDED for option in shown):
            continue
        cuts = list(dict.fromkeys(option.design.cut for option in shown))
        panels_of = {cut: [option for option in shown if option.design.cut == cut] for cut in cuts}
        yield Plot(
            f"defences-{metric.name}",
            f"Accuracy against leak, by defence ({metric.title})",
            _READING,
            _curves(panels_of, metric),
        )


def curves_within(options: Sequence[Option], room: str) -> Iterator[Plot]:
    """Accuracy against leak of all defences whose head, wherever it ends, needs no more memory than the undefended one
    that ends at a cut: a plot for each metric (PATROL, Fig. 5); none where there is no such head."""
    whole = undefended_heads(options)
    if room not in whole:
        return
    defended = (option for option in options if option.design.defence != UNDEFENDED)
    fitting = [option for option in defended if option.memory and option.memory <= whole[room]]
    bare = [option for option in options if (option.design.cut, option.design.defence) == (room, UNDEFENDED)]
    for metric in metrics_of(options):
        shown = _comparable([*bare, *fitting], metric)
        if all(option.design.defence == UNDEFENDED for option in shown):
            continue
        yield Plot(
            f"defences-within-{room}-{metric.name}",
            f"Accuracy against leak in the memory of {room} ({metric.title})",
            f"{_READING} Heads that were pruned may end deeper than {room}; all need {whole[room] / 2**20:.1f} MiB at "
            "most.",
            _curves({f"in the memory of {room}": shown}, metric, height=4.5),
        )


def undefended_heads(options: Sequence[Option]) -> dict[str, int]:
    """Bytes that heads need without a defence, by the cut at which they end, as far as that was measured."""
    bare = (option for option in options if option.design.defence == UNDEFENDED)
    return {option.design.cut: option.memory for option in bare if option.memory}


def _comparable(options: Sequence[Option], metric: Metric) -> list[Option]:
    return [option for option in options if option.splits and option.accuracy and metric.name in option.exposure]


def _curves(panels_of: Mapping[str, Sequence[Option]], metric: Metric, height: float = 3.2) -> Figure:
    shown = [option for options in panels_of.values() for option in options]
    families = colours(family(option.design.defence) for option in shown)
    marker_of = markers(option.design.codec for option in shown)
    with rc_context(PLOT_STYLE):
        figure, axes = panels(len(panels_of), height=height, alike=True)
        for panel, (title, here) in zip(axes, panels_of.items(), strict=True):
            for codec, marker in marker_of.items():
                for name, colour in families.items():
                    _curve(panel, [o for o in here if o.design.codec == codec], metric, name, colour, marker)
            panel.set_title(title, fontsize=10)
            panel.set_xlabel(f"{metric.label} of the best attack")
            panel.xaxis.set_inverted(metric.better == "lower")  # less leaks to the left
            panel.set_ylabel(f"{shown[0].accuracy.measure if shown[0].accuracy else ''}, %")
        for panel, here in zip(axes, panels_of.values(), strict=True):
            name_marks(panel, _strengths(here, metric))
        key(figure, families, marker_of)
    return figure


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


def _strengths(options: Sequence[Option], metric: Metric) -> Iterator[tuple[float, float, str]]:
    """The marks of defences that have settings."""
    for option in options:
        if option.accuracy and strength(option.design.defence):
            yield option.exposure[metric.name].mean, option.accuracy.value, strength(option.design.defence)


def _curve(panel: Axes, options: Sequence[Option], metric: Metric, name: str, colour: str, marker: str) -> None:
    """A curve through a defence's designs by rising leak; it ends at the undefended design."""
    mine = [option for option in options if family(option.design.defence) in (name, UNDEFENDED)]
    if not any(family(option.design.defence) == name for option in mine):
        return
    points = sorted(
        (option.exposure[metric.name].mean, option.accuracy.value, option.design.defence)
        for option in mine
        if option.accuracy
    )
    panel.plot([leak for leak, _, _ in points], [value for _, value, _ in points], color=colour, linewidth=1, alpha=0.6)
    for leak, value, defence in points:
        if family(defence) == name:
            panel.plot(leak, value, marker, color=colour, markersize=5)
