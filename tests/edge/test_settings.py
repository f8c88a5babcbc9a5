"""Flags: what is refused, and that asking for help does not load torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge.settings import EdgeSettings, check
from keyhole.service.errors import UsageError


def test_the_defaults_hold():
    check(EdgeSettings())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": -1.0}, "--fps -1"),
        ({"slowdown": 0.5}, "--slowdown 0.5: expected 1 or more"),
        ({"slowdown": float("inf")}, "--slowdown inf"),
        ({"slowdown": float("nan")}, "--slowdown nan"),
        ({"frames": -1}, "--frames -1"),
        ({"in_flight": 0}, "--in-flight 0: expected 1 or more"),
        ({"seed": 2**63}, "--seed 9223372036854775808: expected a number of 64 bits"),
        ({"deadline": 0.0}, "--deadline 0"),
        ({"wait_seconds": -1.0}, "--wait-seconds -1"),
        ({"name": "../etc"}, "--name ../etc"),
        ({"name": ""}, "--name"),
    ],
)
def test_impossible_values_are_refused_by_flag(settings, message):
    with pytest.raises(UsageError, match=message):
        check(EdgeSettings(**settings))


@pytest.mark.parametrize("module", ["edge.settings", "cloud.settings"])
def test_settings_load_without_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
