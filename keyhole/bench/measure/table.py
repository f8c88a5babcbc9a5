"""How each kind of cell is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from keyhole.bench.measure.accuracy import accuracy
from keyhole.bench.measure.latency import latency
from keyhole.bench.measure.leak import leak
from keyhole.bench.measure.measured import Measured
from keyhole.bench.measure.profile import profile
from keyhole.bench.settings import CellKind
from keyhole.bench.setup import Setup

MEASURES: Mapping[CellKind, Callable[[Any, Setup], Measured]] = MappingProxyType(
    {"profile": profile, "accuracy": accuracy, "latency": latency, "leak": leak}
)
