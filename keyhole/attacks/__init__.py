"""Attacks on what a split inference gives away."""

from typing import Literal

Suite = Literal["quick", "standard", "paper"]
"""Names of the budgets that the benchmark has for attacks."""
FLOOR = "blind"
"""The attack that sees nothing."""
