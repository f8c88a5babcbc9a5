"""Flags: what is refused, and that asking for help does not load torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adversary.settings import AdversarySettings, check
from keyhole.evaluation.settings import AttackSettings, check_attack
from keyhole.service.errors import UsageError


def test_the_defaults_hold():
    check(AdversarySettings())
    check_attack(AttackSettings())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attacks": ()}, "--attacks"),
        ({"budget_seconds": 0.0}, "--budget-seconds 0"),
        ({"backlog": 0}, "--backlog 0: expected 1 or more"),
        ({"interval": -1.0}, "--interval -1"),
        ({"threads": 0}, "--threads 0"),
        ({"sampling_steps": 0}, "--sampling-steps 0: expected 1 or more"),
        ({"queries": 0}, "--queries 0: expected 1 or more"),
    ],
)
def test_impossible_values_are_refused_by_flag(settings, message):
    with pytest.raises(UsageError, match=message):
        check(AdversarySettings(**settings))


@pytest.mark.parametrize(
    "field", ["n", "every", "batch", "iterations", "threads", "sampling_steps", "queries", "training_steps", "patience"]
)
def test_counts_of_the_offline_attack_start_at_one(field):
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} 0: expected 1 or more"):
        check_attack(AttackSettings(**{field: 0}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attacks": ()}, "--attacks"),
        ({"seeds": ()}, "--seeds"),
        ({"seeds": (1, 1)}, "each once"),
        ({"seeds": (0, 2**64)}, "64 bits"),
    ],
)
def test_attacks_and_seeds_are_needed_each_once(settings, message):
    with pytest.raises(UsageError, match=message):
        check_attack(AttackSettings(**settings))


def test_settings_load_without_torch():
    code = "import sys, adversary.settings; sys.exit('torch' in sys.modules or 'grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
