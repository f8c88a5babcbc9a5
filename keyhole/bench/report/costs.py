"""Charts of what a design costs: milliseconds by stage, and bytes that cross."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyhole.bench.advice.options import UNDEFENDED, Option
from keyhole.bench.records import LatencyRecord
from keyhole.bench.report.looks import Looks
from keyhole.bench.report.view import TargetView, design_name
from keyhole.presentation import stages
from keyhole.presentation.charts.chart import Bars, Chart, ChartAxis, ChartPanel, Key, Mark, from_zero, places

_BAR = 26
"""Height of a bar with its gap, pixels."""


def stage_bars(view: TargetView) -> Iterator[Chart]:
    """Stacked bars for each link, of each cut and codec, undefended where that was timed, and of the baselines."""
    panels = tuple(_stages(view, link) for link in view.links if _timed(view, link))
    if not panels:
        return
    shown = dict.fromkeys(bars.name for panel in panels for bars in panel.bars)
    colour_of = {bars.name: bars.colour for panel in panels for bars in panel.bars}
    yield Chart(
        "stages",
        "Where the time goes",
        "Each bar is one frame from picture to answer, cut into its stages: a long network part asks for a later cut "
        "or a tighter codec, a long edge part for an earlier cut (medians of stages add up only roughly to the "
        "median of the whole).",
        panels,
        tuple(Key(name, colour_of[name]) for name in shown),
        height=70 + _BAR * max(len(panel.y.ticks) for panel in panels),
    )


def payload_dots(view: TargetView) -> Iterator[Chart]:
    """Bytes of a frame, a row for each cut, a dot for each codec, on an axis from zero."""
    sizes: dict[tuple[str, str], float] = {}
    for option in _plain(view.options):
        if option.profile and option.profile.payload > 0:
            sizes.setdefault((option.design.cut, option.design.codec), option.profile.payload / 1024)
    if not sizes:
        return
    cuts, codecs = (list(dict.fromkeys(pair[place] for pair in sizes)) for place in (0, 1))
    looks = Looks.of([UNDEFENDED], codecs)
    marks = (
        (
            UNDEFENDED,
            codec,
            Mark(size, float(cuts.index(cut)), (f"{cut} · {codec}", f"{size:.1f} KiB a frame"), f"{size:.0f}"),
        )
        for (cut, codec), size in sizes.items()
    )
    panel = ChartPanel(
        "",
        ChartAxis("KiB a frame", from_zero(sizes.values())),
        ChartAxis("", (len(cuts) - 0.5, -0.5), places(cuts)),
        dots=looks.dots(marks),
    )
    yield Chart(
        "payload",
        "What crosses the link",
        "The size of a frame at each cut with each codec: on a slow link this is most of the latency. cloud-only "
        "stands for the picture itself.",
        (panel,),
        looks.keys([])[1:],
        height=80 + _BAR * len(cuts),
    )


def _timed(view: TargetView, link: str) -> list[tuple[Option, LatencyRecord]]:
    return [(option, found) for option in _plain(view.options) if (found := option.latencies.get(link))]


def _stages(view: TargetView, link: str) -> ChartPanel:
    timed = _timed(view, link)
    rows = tuple(float(row) for row in range(len(timed)))
    starts = [0.0] * len(timed)
    bars = []
    for name in stages.in_order(dict.fromkeys(stage for _, latency in timed for stage in latency.stages)):
        lengths = tuple(_median(latency, name) for _, latency in timed)
        shown = stages.stage(name)
        bars.append(Bars(shown.title, shown.colour, rows, tuple(starts), lengths))
        starts = [start + length for start, length in zip(starts, lengths, strict=True)]
    return ChartPanel(
        link,
        ChartAxis("ms, medians of the stages", from_zero(starts, room=0.03)),
        ChartAxis("", (len(timed) - 0.5, -0.5), places([design_name(option.design) for option, _ in timed])),
        bars=tuple(bars),
    )


def _plain(options: Sequence[Option]) -> list[Option]:
    """Undefended designs, for a defence changes neither much; all where none is undefended."""
    plain = [option for option in options if option.design.defence == UNDEFENDED]
    return plain if any(option.splits for option in plain) else list(options)


def _median(latency: LatencyRecord, stage: str) -> float:
    found = latency.stages.get(stage)
    return found.p50 if found else 0.0
