"""A monitor's ports, for tests that call them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitor.ports import Ports


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports()
    yield made
    made.close()
