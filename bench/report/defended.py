"""What each defence costs in accuracy and saves in leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes

from bench.advice.option import UNDEFENDED, Option
from bench.report.style import PLOT_STYLE, Plot, colours, key, markers, name_marks, panels

_LABELS = {"ssim": "SSIM", "psnr": "PSNR, dB"}


def defence_curves(options: Sequence[Option]) -> Iterator[Plot]:
    """Accuracy against leak, a panel for each cut, a plot for each metric; none without a defence."""
    for metric, label in _LABELS.items():
        shown = [option for option in options if option.splits and option.accuracy and metric in option.exposure]
        if all(option.design.defence == UNDEFENDED for option in shown):
            continue
        cuts = list(dict.fromkeys(option.design.cut for option in shown))
        families = colours(family(option.design.defence) for option in shown)
        marker_of = markers(option.design.codec for option in shown)
        with rc_context(PLOT_STYLE):
            figure, axes = panels(len(cuts), alike=True)
            for panel, cut in zip(axes, cuts, strict=True):
                here = [option for option in shown if option.design.cut == cut]
                for codec, marker in marker_of.items():
                    for name, colour in families.items():
                        _curve(
                            panel,
                            [option for option in here if option.design.codec == codec],
                            metric,
                            name,
                            colour,
                            marker,
                        )
                panel.set_title(cut, fontsize=10)
                panel.set_xlabel(f"{label} of the best attack")
                panel.set_ylabel(f"{shown[0].accuracy.measure if shown[0].accuracy else ''}, %")
            for panel, cut in zip(axes, cuts, strict=True):
                name_marks(panel, _strengths([option for option in shown if option.design.cut == cut], metric))
            key(figure, families, marker_of)
        yield Plot(
            f"defences-{metric}",
            f"Accuracy against leak, by defence ({label.partition(',')[0]})",
            "A line is one defence at rising strength, from the undefended design on; a good one goes left (less "
            "leaks) without going down (no accuracy lost).",
            figure,
        )


def family(defence: str) -> str:
    """A defence without its settings.

    >>> family("gaussian:scale=0.5"), family("patrol+gaussian:scale=0.5"), family("none")
    ('gaussian', 'patrol+gaussian', 'none')
    """
    return defence.partition(":")[0]


def _settings(defence: str) -> str:
    return defence.partition(":")[2]


def _strengths(options: Sequence[Option], metric: str) -> Iterator[tuple[float, float, str]]:
    """The marks of defences that have settings."""
    for option in options:
        if option.accuracy and _settings(option.design.defence):
            yield option.exposure[metric].mean, option.accuracy.value, _settings(option.design.defence)


def _curve(panel: Axes, options: Sequence[Option], metric: str, name: str, colour: str, marker: str) -> None:
    """By rising leak, which ends at the undefended design."""
    mine = [option for option in options if family(option.design.defence) in (name, UNDEFENDED)]
    if not any(family(option.design.defence) == name for option in mine):
        return
    points = sorted(
        (option.exposure[metric].mean, option.accuracy.value, option.design.defence)
        for option in mine
        if option.accuracy
    )
    panel.plot([leak for leak, _, _ in points], [value for _, value, _ in points], color=colour, linewidth=1, alpha=0.6)
    for leak, value, defence in points:
        if family(defence) == name:
            panel.plot(leak, value, marker, color=colour, markersize=5)
