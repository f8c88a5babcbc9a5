"""Bars of what a design costs: milliseconds by stage, and bytes that cross."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib import rc_context

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.records import LatencyRecord
from keyhole.bench.report.figures import PLOT_STYLE, Plot, panels
from keyhole.presentation import stages

_CODECS = ("#3d9be0", "#2fae7d", "#e8901a", "#a371f7", "#e0567a", "#8d99ae")


def stage_bars(options: Sequence[Option], link: str) -> Iterator[Plot]:
    """A stacked bar for each cut and codec, undefended where that was timed, and for the baselines."""
    timed = [(option, found) for option in _plain(options) if (found := option.latencies.get(link))]
    if not timed:
        return
    names = list(dict.fromkeys(stage for _, latency in timed for stage in latency.stages))
    with rc_context(PLOT_STYLE):
        figure, (axes,) = panels(1, height=0.9 + 0.27 * len(timed))
        floor = [0.0] * len(timed)
        for name in stages.in_order(names):
            widths = [_median(latency, name) for _, latency in timed]
            shown = stages.stage(name)
            axes.barh(range(len(timed)), widths, left=floor, color=shown.colour, label=shown.title)
            floor = [left + width for left, width in zip(floor, widths, strict=True)]
        axes.set_yticks(range(len(timed)), [_name(option) for option, _ in timed])
        axes.invert_yaxis()
        axes.set_xlabel(f"ms over {link}, medians of the stages")
        figure.legend(loc="outside upper left", ncols=4, frameon=False)
    yield Plot(
        f"stages-{link}",
        f"Where the time goes over {link}",
        "Each bar is one frame from picture to answer, cut into its stages: a long network part asks for a later cut "
        "or a tighter codec, a long edge part for an earlier cut (medians of stages add up only roughly to the "
        "median of the whole).",
        figure,
    )


def payload_bars(options: Sequence[Option]) -> Iterator[Plot]:
    """Bytes of a frame for each cut and codec."""
    sizes: dict[tuple[str, str], float] = {}
    for option in _plain(options):
        if option.profile and option.profile.payload > 0:
            sizes.setdefault((option.design.cut, option.design.codec), option.profile.payload / 1024)
    if not sizes:
        return
    cuts, codecs = (list(dict.fromkeys(pair[place] for pair in sizes)) for place in (0, 1))
    width = 0.8 / len(codecs)
    with rc_context(PLOT_STYLE):
        figure, (axes,) = panels(1, height=3.4)
        for number, codec in enumerate(codecs):
            here = [(at, sizes[cut, codec]) for at, cut in enumerate(cuts) if (cut, codec) in sizes]
            axes.bar(
                [at + (number - (len(codecs) - 1) / 2) * width for at, _ in here],
                [size for _, size in here],
                width,
                color=_CODECS[number % len(_CODECS)],
                label=codec,
            )
        axes.set_xticks(range(len(cuts)), cuts)
        axes.set_yscale("log")
        axes.set_ylabel("KiB for each frame")
        figure.legend(loc="outside upper left", ncols=6, frameon=False)
    yield Plot(
        "payload",
        "What crosses the link",
        "The size of a frame at each cut with each codec (logarithmic): on a slow link this is most of the latency; "
        "cloud-only stands for the picture itself.",
        figure,
    )


def _plain(options: Sequence[Option]) -> list[Option]:
    """Undefended designs, for a defence changes neither much; all where none is undefended."""
    plain = [option for option in options if option.design.defence == UNDEFENDED]
    return plain if any(option.splits for option in plain) else list(options)


def _median(latency: LatencyRecord, stage: str) -> float:
    found = latency.stages.get(stage)
    return found.p50 if found else 0.0


def _name(option: Option) -> str:
    design = option.design
    words = (design.cut, "" if design.defence == UNDEFENDED else design.defence, design.codec)
    return " · ".join(word for word in words if word not in ("", "none"))
