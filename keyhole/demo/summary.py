"""A run's summary as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from keyhole.judge.recovery import AttributeScore, SecretRecovery, Share

_SECRETS = "Secrets read right, guessing in brackets"


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Print attacks × scores, attacks × secrets where a judge read some, and latency × stages.

    Args:
        console: where to.
        summary: the monitor's ``summary.json``.
    """
    dropped = summary["dropped"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
    why = f" ({reasons}; logs/edge.log says more)" if reasons else ""
    console.print(
        f"\n{summary['frames_sent']} frames sent, {summary['frames_answered']} answered, "
        f"{sum(dropped.values())} dropped{why}, {summary['frames_scored']} attacked and scored\n"
    )
    attacks = Table(
        Column("attack", overflow="fold"), "frames", "PSNR, dB", "SSIM", title="What leaked", title_justify="left"
    )
    for name, row in summary["attacks"].items():
        attacks.add_row(_words(name), str(row["n"]), _number(row["psnr_mean"], 1), _number(row["ssim_mean"], 3))
    console.print(attacks if attacks.rows else "Nothing was reconstructed and scored; logs/adversary.log says more")
    read = {name: _shares(row["secrets"]) for name, row in summary["attacks"].items() if row.get("secrets")}
    asked = tuple(dict.fromkeys(secret for shares in read.values() for secret in shares))
    if asked:
        secrets = Table(Column("attack", overflow="fold"), *asked, title=_SECRETS, title_justify="left")
        for name, shares in read.items():
            secrets.add_row(_words(name), *(_share(shares.get(secret)) for secret in asked))
        console.print(secrets)
    stages = Table("stage", "p50, ms", "p95, ms", title="What it cost", title_justify="left")
    for name, row in summary["latency_ms"].items():
        stages.add_row(name, _number(row["p50"], 1), _number(row["p95"], 1))
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
