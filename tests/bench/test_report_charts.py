"""Charts of a report: what a frame costs, and what leaks against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyhole.bench.advice.options import options
from keyhole.bench.records import Design, LatencyRecord
from keyhole.bench.report.costs import payload_dots, stage_bars
from keyhole.bench.report.tradeoff import tradeoffs
from keyhole.bench.report.view import ReaderLimits, TargetView
from keyhole.bench.results import Results
from tests.bench.making import CODECS, CUTS, LINKS, latency, leak, percentiles, run

LIMITS = ReaderLimits(ssim=0.3, accuracy_loss=2)


def view(results: Results, limits: ReaderLimits = LIMITS) -> TargetView:
    return TargetView("toy", options(results), results.links, limits)


def test_bars_of_a_frame_are_as_long_as_its_stages() -> None:
    (chart,) = stage_bars(view(run()))
    panel = dict(zip(LINKS, chart.panels, strict=True))["lte"]
    names = [name for _, name in panel.y.ticks]
    assert names == [*(f"{cut} · {codec}" for cut in CUTS for codec in CODECS), "edge-only", "cloud-only · fp32"]
    last = panel.bars[-1]
    ends = [start + length for start, length in zip(last.starts, last.lengths, strict=True)]
    assert ends == pytest.approx([60, 55, 67, 62, 74, 69, 31, 123])


def test_stages_that_one_frame_lacks_are_no_hole_in_its_bar() -> None:
    one, other = Design("toy", "a"), Design("toy", "b")
    results = Results(
        latencies=[
            LatencyRecord(one, "lte", {"network": percentiles(3)}, percentiles(3), 9, 1),
            LatencyRecord(
                other, "lte", {"edge_compute": percentiles(2), "network": percentiles(3)}, percentiles(5), 9, 1
            ),
        ]
    )
    (chart,) = stage_bars(view(results))
    assert chart.panels[0].bars[1].starts == (0, 2)


def test_payloads_are_dots_for_each_cut_and_codec_on_an_axis_from_zero() -> None:
    (chart,) = payload_dots(view(run()))
    (panel,) = chart.panels
    assert panel.x.span[0] == 0
    sizes = {dots.names[1]: [(mark.y, mark.x) for mark in dots.marks] for dots in panel.dots}
    assert sizes == {"fp32": [(0, 8.0), (1, 8.0), (2, 8.0)], "int8": [(0, 2.0), (1, 2.0), (2, 2.0)]}
    assert [name for _, name in panel.y.ticks] == list(CUTS)


def test_the_front_is_drawn_through_the_designs_that_no_other_beats() -> None:
    results = Results(
        latencies=[latency(Design("toy", cut), "lte", p50) for cut, p50 in (("a", 1), ("b", 2), ("c", 3), ("d", 4))],
        leaks=[leak(Design("toy", cut), "x", ssim) for cut, ssim in (("a", 0.9), ("b", 0.3), ("c", 0.5), ("d", 0.1))],
    )
    (chart,) = tradeoffs(view(results))
    (panel,) = chart.panels
    (front,) = panel.curves
    assert front.stepped
    assert front.points == ((1, pytest.approx(0.9)), (2, pytest.approx(0.3)), (4, pytest.approx(0.1)))


def test_limits_are_lines_and_what_they_allow_is_a_region() -> None:
    chart, *_ = tradeoffs(view(run(), ReaderLimits(ssim=0.4, latency=70)))
    for panel in chart.panels:
        assert {(level.on, level.at) for level in panel.levels if level.name == "limit"} == {("y", 0.4), ("x", 70)}
        (region,) = panel.regions
        assert region.within(panel.x, panel.y)[1] == (0.0, 0.4)
        assert region.within(panel.x, panel.y)[0] == (0.0, 70)
    unlimited, *_ = tradeoffs(view(run(), ReaderLimits()))
    assert not any(panel.regions or panel.levels for panel in unlimited.panels)


def test_designs_that_do_not_split_are_marks_at_the_ends_of_what_leaks() -> None:
    chart, *_ = tradeoffs(view(run()))
    for panel in chart.panels:
        (whole,) = (dots for dots in panel.dots if dots.names == ("no split",))
        assert {(mark.label, mark.x, mark.y) for mark in whole.marks} == {
            ("edge-only", 31, 0.0),
            ("cloud-only", 123, 1.0),
        }


def test_a_mark_has_bars_of_both_its_intervals_and_the_axis_holds_them() -> None:
    results = run()
    ends = {found.design: (found.total.p50 - 2, found.total.p50 + 40) for found in results.latencies}
    timed = [
        replace(found, interval=ends[found.design]) if found.link == "lte" else found for found in results.latencies
    ]
    chart, *_ = tradeoffs(view(replace(results, latencies=timed)))
    panels = dict(zip(LINKS, chart.panels, strict=True))
    marks = [mark for dots in panels["lte"].dots for mark in dots.marks]
    assert {(mark.x - 2, mark.x + 40) for mark in marks} == {mark.across for mark in marks} == set(ends.values())
    assert all(mark.up for dots in panels["lte"].dots if dots.names != ("no split",) for mark in dots.marks)
    assert panels["lte"].x.span[1] > max(high for _, high in ends.values())
    assert {mark.across for dots in panels["wifi"].dots for mark in dots.marks} == {None}
