"""Losses of attacks by step, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table


def told_steps(longest: int) -> tuple[int, ...]:
    """Powers of ten, and the last step.

    >>> told_steps(1500), told_steps(10)
    ((1, 10, 100, 1000, 1500), (1, 10))
    """
    powers = [10**power for power in range(len(str(longest))) if 10**power < longest]
    return (*powers, longest)


def loss_table(curves: Mapping[str, Sequence[float]], title: str) -> Table:
    """A row for each curve; as Fig. 12 of the feature-inversion paper in figures.

    Args:
        curves: name → loss by step.
        title: of the table.
    """
    steps = told_steps(max((len(losses) for losses in curves.values()), default=1))
    made = Table(title=title, title_justify="left")
    made.add_column("loss at step")
    for step in steps:
        made.add_column(str(step), justify="right")
    for name, losses in curves.items():
        made.add_row(name, *(f"{losses[step - 1]:.4g}" if step <= len(losses) else "–" for step in steps))
    return made
