from __future__ import annotations

import pytest

from keyhole.bench.route import Route, route
from keyhole.service.errors import UsageError
from keyhole.wire.link_profiles import link_profile


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


def test_a_slowdown_without_its_x_is_told_how_it_is_written():
    with pytest.raises(UsageError, match=r"an edge that is so many times slower is written with an x: lte@8x"):
        route("lte@8")


def test_an_edge_of_its_own_is_told_its_own_flag():
    with pytest.raises(UsageError, match=r"give --link lte --slowdown 8"):
        link_profile("lte@8x")
