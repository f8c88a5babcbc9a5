"""A run's summary as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from keyhole.judge.recovery import GLYPH_CHANCE

_SECRETS = "Secrets read right, guessing in brackets"


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Print attacks × scores, attacks × secrets where a judge read some, and latency × stages.

    Args:
        console: where to.
        summary: the monitor's ``summary.json``.
    """
    dropped = sum(summary["dropped"].values())
    console.print(
        f"\n{summary['frames_sent']} frames sent, {summary['frames_answered']} answered, {dropped} dropped, "
        f"{summary['frames_scored']} attacked and scored\n"
    )
    attacks = Table("attack", "frames", "PSNR, dB", "SSIM", title="What leaked", title_justify="left")
    for name, row in summary["attacks"].items():
        attacks.add_row(name, str(row["n"]), _number(row["psnr_mean"], 1), _number(row["ssim_mean"], 3))
    console.print(attacks)
    read = {name: row["secrets"] for name, row in summary["attacks"].items() if row.get("secrets")}
    if read:
        secrets = Table("attack", "plate glyphs", "driver", "vehicle", title=_SECRETS, title_justify="left")
        for name, found in read.items():
            secrets.add_row(name, _plate(found), _driver(found), _vehicle(found))
        console.print(secrets)
    stages = Table("stage", "p50, ms", "p95, ms", title="What it cost", title_justify="left")
    for name, row in summary["latency_ms"].items():
        stages.add_row(name, _number(row["p50"], 1), _number(row["p95"], 1))
    console.print(stages)


def _plate(found: Mapping[str, Any]) -> str:
    return _share(found["glyph_accuracy"], GLYPH_CHANCE, found["glyphs"])


def _driver(found: Mapping[str, Any]) -> str:
    """All attributes together, each as often as it was asked."""
    scores = found["attributes"].values()
    asked = sum(score["n"] for score in scores)
    if not asked:
        return "–"
    accuracy, majority = (
        sum(score["n"] * score[name] for score in scores) / asked for name in ("accuracy", "majority")
    )
    return _share(accuracy, majority, asked)


def _vehicle(found: Mapping[str, Any]) -> str:
    gallery = found["gallery_mean"]
    return _share(found["identity_rank_1"], 1 / gallery if gallery else 0.0, found["identities"])


def _share(value: float | None, guessing: float, asked: int) -> str:
    return "–" if value is None else f"{value:.0%} of {asked} ({guessing:.0%})"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
