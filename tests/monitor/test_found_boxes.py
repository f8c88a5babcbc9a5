"""Boxes over the edge's picture."""

from __future__ import annotations

from xml.etree import ElementTree

from keyhole.v1.referee_pb2 import Box, Detection
from monitor.boxes_svg import boxes_svg


def test_boxes_lie_where_they_were_found_and_labels_are_text() -> None:
    colours: dict[str, str] = {}
    found = [
        Detection(label="<b>plate", score=0.9, box=Box(left=8, top=16, right=40, bottom=24)),
        Detection(label="vehicle", score=0.8, box=Box(left=-2, top=4, right=60, bottom=50)),
        Detection(label="<b>plate", score=0.7, box=Box(left=9, top=9, right=3, bottom=3)),
    ]
    drawn = ElementTree.fromstring(boxes_svg(found, (48, 64), colours))
    assert drawn.get("viewBox") == "0 0 64 48"
    first, second, third = drawn.findall("rect")
    assert [float(first.get(name, "")) for name in ("x", "y", "width", "height")] == [8, 16, 32, 8]
    assert first.get("stroke") == third.get("stroke") != second.get("stroke")
    assert [float(third.get(name, "")) for name in ("width", "height")] == [0, 0]
    assert [text.text for text in drawn.findall("text")] == ["<b>plate", "vehicle", "<b>plate"]
