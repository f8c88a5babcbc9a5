"""Charts: both ways of drawing one show the same, and no label is written over another."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keyhole.presentation.charts.chart import (
    INK,
    Bars,
    Chart,
    ChartAxis,
    ChartPanel,
    Curve,
    Dots,
    Key,
    Level,
    Mark,
    Region,
    around,
    from_zero,
)
from keyhole.presentation.charts.labels import FONT, SMALLEST, PlacedLabel, placed
from keyhole.presentation.charts.page import figures
from keyhole.presentation.charts.png import drawn, png

A = Mark(2.0, 1.0, ("a <b>", "2 ms"), "a", up=(0.5, 1.75), link="p-a")
PANEL = ChartPanel(
    "wifi",
    ChartAxis("ms", (0.0, 10.0)),
    ChartAxis("leak", (-1.0, 3.0), ((-1.0, "nothing"), (0.0, "1 px"), (3.0, "8 px"))),
    regions=(Region("allowed", (None, 8.0), (None, 2.0)),),
    levels=(Level("limit", "y", 2.0), Level("limit", "x", 8.0), Level("blind", "y", -1.0, "dotted")),
    curves=(Curve("front", INK, ((2.0, 1.0), (4.0, 0.0)), stepped=True),),
    bars=(Bars("tail", "#123456", (0.0, 1.0), (0.0, 2.0), (3.0, 4.0)),),
    dots=(
        Dots(
            ("none", "int8"), "#8d99ae", "square", (Mark(2.0, 1.0, ("a <b>", "2 ms"), "a", up=(0.5, 1.75), link="p-a"),)
        ),
        Dots(("noise", "int8"), "#e8901a", "square", (Mark(4.0, 0.0, label="b"), Mark(6.0, 2.5, across=(5.0, 8.0)))),
    ),
)
CHART = Chart(
    "name", "Title", "Reading.", (PANEL, PANEL), (Key("none", "#8d99ae", "circle"), Key("limit", INK, dash="dashed"))
)


def test_the_page_shows_every_mark_with_its_interval_its_facts_and_its_link() -> None:
    first, second = map(json.loads, figures(CHART))
    assert first["data"] == second["data"]
    by_name = {trace["name"]: trace for trace in first["data"]}
    dots = by_name["none, int8"]
    assert (dots["x"], dots["y"]) == ([2.0], [1.0])
    assert (dots["error_y"]["arrayminus"], dots["error_y"]["array"]) == ([0.5], [0.75])
    assert dots["hovertext"] == ["a &lt;b&gt;<br>2 ms"]
    assert dots["customdata"] == ["p-a"]
    assert by_name["noise, int8"]["error_x"]["array"] == [None, 2.0]
    assert by_name["front"]["line"]["shape"] == "hv"
    assert (by_name["tail"]["base"], by_name["tail"]["x"]) == ([0.0, 2.0], [3.0, 4.0])
    assert first["layout"]["yaxis"]["ticktext"] == ["nothing", "1 px", "8 px"]
    rectangle, *lines = first["layout"]["shapes"]
    assert [rectangle[end] for end in ("x0", "x1", "y0", "y1")] == [0.0, 8.0, -1.0, 2.0]
    assert {(line.get("x0"), line.get("y0"), line["line"]["dash"]) for line in lines} == {
        (0, 2.0, "6px,4px"),
        (8.0, 0, "6px,4px"),
        (0, -1.0, "2px,3px"),
    }


def test_a_figure_cannot_end_the_script_that_holds_it() -> None:
    panel = ChartPanel(
        "</script>", ChartAxis("x", (0, 1)), ChartAxis("y", (0, 1)), dots=(Dots(("<",), INK, "circle", (Mark(0, 0),)),)
    )
    (text,) = figures(Chart("n", "t", "r", (panel,), ()))
    assert "<" not in text
    assert json.loads(text)["data"][0]["name"] == "<"


def test_both_ways_of_drawing_show_the_same() -> None:
    page = json.loads(figures(CHART)[0])
    areas = drawn(CHART).axes
    assert len(areas) == 2
    area = areas[0]
    points = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in area.lines if len(line.get_xdata()) == 1
    }
    shown = {
        (x, y)
        for trace in page["data"]
        if trace.get("mode") == "markers"
        for x, y in zip(trace["x"], trace["y"], strict=True)
    }
    assert points == shown
    assert area.get_xlim() == tuple(page["layout"]["xaxis"]["range"])
    assert area.get_ylim() == tuple(page["layout"]["yaxis"]["range"])
    assert (
        [note.get_text() for note in area.texts]
        == [note["text"] for note in page["layout"]["annotations"]]
        == ["a", "b"]
    )
    assert [(bar.get_x(), bar.get_width()) for bar in area.patches if bar.get_height() < 1] == [(0.0, 3.0), (2.0, 4.0)]


def test_a_png_holds_the_chart() -> None:
    with Image.open(io.BytesIO(png(CHART))) as picture:
        assert picture.width == 1100
        assert len(picture.convert("RGB").getcolors(2**24) or ()) > 50


def test_what_the_key_can_take_out_is_what_is_drawn() -> None:
    assert CHART.toggled == {"none", "noise", "int8", "front", "tail"}


def label_box(panel: ChartPanel, label: PlacedLabel, scale: float) -> tuple[float, float, float, float]:
    """Left, low, right and high of a label in pixels, on an area so many times the smallest one."""
    (left, right), (low, high) = panel.x.span, panel.y.span
    x = scale * SMALLEST[0] * (label.mark.x - left) / (right - left) + 4 * label.right
    y = scale * SMALLEST[1] * (label.mark.y - low) / (high - low) + 4 * label.up
    width, height = 0.55 * FONT * len(label.mark.label), 1.1 * FONT
    from_left, from_low = {1: 0.0, 0: 0.5, -1: 1.0}[label.right], {1: 0.0, 0: 0.5, -1: 1.0}[label.up]
    return x - from_left * width, y - from_low * height, x + (1 - from_left) * width, y + (1 - from_low) * height


marks = st.builds(
    Mark,
    st.floats(0, 10),
    st.floats(0, 1),
    label=st.sampled_from(["", "layer1.0", "layer4.1", "blocks.11"]),
    first=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(marks, max_size=14), st.sampled_from([1.0, 1.7, 4.0]))
def test_no_label_covers_another_however_large_the_panel_is_drawn(made: list[Mark], scale: float) -> None:
    panel = ChartPanel(
        "", ChartAxis("", (0.0, 10.0)), ChartAxis("", (0.0, 1.0)), dots=(Dots(("a",), INK, "circle", tuple(made)),)
    )
    found = [label_box(panel, label, scale) for label in placed(panel)]
    for (left, low, right, high), (other_left, other_low, other_right, other_high) in combinations(found, 2):
        apart = right <= other_left or other_right <= left or high <= other_low or other_high <= low
        assert apart
    for left, low, right, high in found:
        assert left >= -1
        assert low >= -1
        assert right <= scale * SMALLEST[0] + 1
        assert high <= scale * SMALLEST[1] + 1


def test_a_label_keeps_off_a_line_where_another_side_is_free() -> None:
    crossed = ChartPanel(
        "",
        ChartAxis("", (0, 10)),
        ChartAxis("", (0, 1)),
        levels=(Level("limit", "y", 0.5),),
        dots=(Dots(("a",), INK, "circle", (Mark(5, 0.5, label="here"),)),),
    )
    assert [(label.right, label.up) for label in placed(replace(crossed, levels=()))] == [(1, 0)]
    assert [label.up != 0 for label in placed(crossed)] == [True]


def test_the_first_marks_are_named_where_there_is_room_for_one_alone() -> None:
    marks = (*(Mark(5, 0.5, label=f"later {number}") for number in range(9)), Mark(5, 0.5, label="first", first=True))
    panel = ChartPanel("", ChartAxis("", (0, 10)), ChartAxis("", (0, 1)), dots=(Dots(("a",), INK, "circle", marks),))
    named = [label.mark.label for label in placed(panel)]
    assert named[0] == "first"
    assert len(named) < len(marks)


@pytest.mark.parametrize(("values", "span"), [([], (0.0, 1.06)), ([float("inf"), 2.0], (0.0, 2.12))])
def test_an_axis_from_zero_ends_above_the_greatest_value(values: list[float], span: tuple[float, float]) -> None:
    assert from_zero(values) == pytest.approx(span)


def test_an_axis_around_one_value_has_a_length() -> None:
    assert around([3.0]) == (2.5, 3.5)
