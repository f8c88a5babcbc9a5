from __future__ import annotations

import pytest

from bench.route import Route, route


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lte", Route("lte", 1.0)),
        ("lte@8x", Route("lte", 8.0)),
        ("10mbit:15ms@2.5x", Route("10mbit:15ms", 2.5)),
    ],
)
def test_a_link_and_the_edge_at_its_end(text, expected):
    assert route(text) == expected
    assert route(text).profile.name == expected.link
