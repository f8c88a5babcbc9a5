"""The tables that a run ends with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Column, Table

from keyhole.judge.legibility import SECRETS
from keyhole.judge.recovery import AttributeScore, SecretRecovery, Share
from keyhole.metrics.registry import DEFAULT, metrics_named
from keyhole.metrics.thumbnails import HEADLINE
from keyhole.presentation.stages import stage

Colours = Literal["auto", "standard", "256", "truecolor", "windows"]
_READ = "What the judge read right, guessing in brackets"
_LEAKED = "What leaked: true thumbnails of this size score the same"


def tables(summary: Mapping[str, Any], scores: Sequence[str], width: int, colours: Colours | None) -> str:
    """What `print_summary` prints, as text with escape sequences for a terminal.

    Args:
        summary: see there.
        scores: see there.
        width: of the terminal, in characters.
        colours: that it has; None: none.
    """
    text = io.StringIO()
    console = Console(file=text, width=width, color_system=colours, force_terminal=colours is not None, markup=False)
    print_summary(console, summary, scores)
    return text.getvalue()


def print_summary(console: Console, summary: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
    """Print attacks × secrets where a judge read some, attacks × thumbnails and scores, and latency × stages.

    Args:
        console: where to.
        summary: the monitor's ``summary.json``.
        scores: metrics that are shown besides PSNR and SSIM.
    """
    dropped = summary["dropped"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
    why = f" ({reasons}; logs/edge.log says more)" if reasons else ""
    console.print(
        f"\n{summary['frames_sent']} frames sent, {summary['frames_answered']} answered, "
        f"{sum(dropped.values())} dropped{why}, {summary['frames_scored']} attacked and scored\n"
    )
    metrics = sorted(metrics_named((*DEFAULT, *scores)), key=lambda metric: metric.name != HEADLINE)
    read = {name: _shares(row["secrets"]) for name, row in summary["attacks"].items() if row.get("secrets")}
    asked = [secret for secret in SECRETS if any(secret in shares for shares in read.values())]
    if asked:
        secrets = Table(Column("attack", overflow="fold"), *asked, title=_READ, title_justify="left")
        for name, shares in read.items():
            secrets.add_row(_words(name), *(_share(shares.get(secret)) for secret in asked))
        console.print(secrets)
    labels = (metric.label for metric in metrics)
    first = Column("attack", overflow="fold")
    attacks = Table(first, "frames", "thumbnail", *labels, title=_LEAKED, title_justify="left")
    for name, row in summary["attacks"].items():
        means = (_number(row.get(f"{metric.name}_mean"), metric.brief) for metric in metrics)
        attacks.add_row(_words(name), str(row["n"]), str(row.get("thumbnail", "–")), *means)
    console.print(attacks if attacks.rows else "Nothing was reconstructed and scored; logs/adversary.log says more")
    for name, row in summary["attacks"].items():
        if row.get("trained_before"):
            steps, queries = round(row["iterations_mean"]), row["queries"]
            console.print(f"{_words(name)} learned before the run: {steps:,} steps on {queries:,} queries\n")
    stages = Table("stage", "p50, ms", "p95, ms", title="What it cost", title_justify="left")
    for name, row in summary["latency_ms"].items():
        stages.add_row(stage(name).title, _number(row["p50"], 1), _number(row["p95"], 1))
    if stages.rows:
        console.print(stages)


def _words(name: str) -> str:
    """An attack and its rung with a blank between them, where a narrow column breaks."""
    return name.replace(".", " ")


def _shares(found: Mapping[str, Any]) -> dict[str, Share]:
    attributes = {name: AttributeScore(**score) for name, score in found["attributes"].items()}
    return SecretRecovery(**{**found, "attributes": attributes}).shares()


def _share(found: Share | None) -> str:
    return f"{found.value:.0%} of {found.asked} ({found.guessing:.0%})" if found else "–"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
