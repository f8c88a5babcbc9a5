"""How each kind of cell is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bench.cells import Kind
from bench.measure.accuracy import accuracy
from bench.measure.latency import latency
from bench.measure.leak import leak
from bench.measure.measured import Measured
from bench.measure.profile import profile
from bench.setup import Setup

MEASURES: Mapping[Kind, Callable[[Any, Setup], Measured]] = MappingProxyType(
    {"profile": profile, "accuracy": accuracy, "latency": latency, "leak": leak}
)
