"""The terminal. Text is printed as it is, never read as markup: names, paths and messages come from others."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def terminal(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console on standard output, or on standard error, or that says nothing."""
    return Console(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)


def described() -> TextColumn:
    """A progress bar's column with the description of its task, as it is."""
    return TextColumn("{task.description}", markup=False)


def progress_bar(console: Console | None = None) -> Progress:
    """What is done, of how much, and the time that is left."""
    columns = (described(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console or terminal())
