"""An evaluation as a table and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keyhole.evaluation.published import Published
from keyhole.evaluation.scores import Scores, average
from keyhole.metrics.interval import LEAST, Mean
from keyhole.partition import CutPlan

INTERVALS = f"In brackets the 95 % interval of the mean over pictures, from {LEAST} on."


@dataclass(frozen=True)
class Row:
    """What an attack made of one cut.

    Attributes:
        attack: as it was asked for.
        plan: the cut.
        by_seed: one score per picture, by seed of the attack.
        published: the paper's figures of the same setting, if it has any.
        passes: U-Net passes that each picture took, on average.
        losses: of the attack with the first seed by step, the mean over its batches.
        facts: how it was run.
    """

    attack: str
    plan: CutPlan
    by_seed: Mapping[int, Sequence[Scores]]
    published: Published | None
    passes: float = 0.0
    losses: Sequence[float] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def scores(self) -> list[Scores]:
        """One per picture, its mean over the seeds: seeds of one picture are no pictures of their own."""
        return [average(same) for same in zip(*self.by_seed.values(), strict=True)]

    def mean(self, figure: str) -> Mean:
        """Mean over the pictures of one of the figures of `Scores`, by its name."""
        return Mean.of([getattr(scores, figure) for scores in self.scores])

    def gain(self, other: Row, figure: str) -> Mean:
        """Mean over the same pictures of what a figure is more than in another row, picture by picture."""
        pairs = zip(self.scores, other.scores, strict=True)
        return Mean.of([getattr(mine, figure) - getattr(theirs, figure) for mine, theirs in pairs])

    @property
    def name(self) -> str:
        """The cut with its alias."""
        return f"{self.plan.cut} ({self.plan.alias})" if self.plan.alias else self.plan.cut


def table(title: str, rows: Sequence[Row]) -> Table:
    """Means with 95 % intervals per attack and cut, above published figures where there are some of the setting."""
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    compared = any(row.published for row in rows)
    for heading in ("attack", "cut", "n", "PSNR dB", "SSIM", *(("Eq. 14",) if compared else ())):
        named = heading in ("attack", "cut")
        made.add_column(heading, justify="left" if named else "right", no_wrap=named, overflow="fold")
    diffused = any(row.passes for row in rows)
    if diffused:
        made.add_column("U-Net\npasses", justify="right", no_wrap=True)
    for row in rows:
        made.add_row(
            row.attack.replace("/", "\n/"),
            row.name.replace(" ", "\n"),
            str(len(row.scores)),
            stacked(row.mean("psnr").text(2)),
            stacked(row.mean("ssim").text(3)) + (f"\npaper {row.published.ssim:.2f}" if row.published else ""),
            *((_eq14(row),) if compared else ()),
            *((f"{row.passes:.0f}",) if diffused else ()),
        )
    made.caption = INTERVALS
    if compared:
        made.caption += " Eq. 14: the paper's own PSNR, 10·ln(peak / mean absolute error)."
    seeds = max((len(row.by_seed) for row in rows), default=1)
    if seeds > 1:
        made.caption += f" Each picture counts once, with its mean over {seeds} seeds."
    made.caption_justify = "left"
    return made


def _eq14(row: Row) -> str:
    return stacked(row.mean("eq14").text(1)) + (f"\npaper {row.published.eq14:.1f}" if row.published else "")


def stacked(mean: str) -> str:
    """A mean with its interval below it, so that tables fit a terminal of 80 columns."""
    return mean.replace(" [", "\n[")


def document(run: dict[str, object], rows: Sequence[Row]) -> dict[str, Any]:
    """The same with every picture's scores, for JSON."""
    return {
        **run,
        "rows": [
            {
                **summary(row),
                "published": asdict(row.published) if row.published else None,
                "pictures": [_finite(scores) for scores in row.scores],
                "by_seed": {seed: [_finite(one) for one in scores] for seed, scores in row.by_seed.items()},
                "losses": list(row.losses),
            }
            for row in rows
        ],
    }


def summary(row: Row) -> dict[str, Any]:
    """A row's figures over all of its pictures, for JSON."""
    return {
        **row.facts,
        "cut": row.plan.cut,
        "alias": row.plan.alias,
        "n": len(row.scores),
        **{f"{figure}_mean": mean for figure, mean in _finite(average(row.scores)).items()},
        **{f"{figure}_ci95": row.mean(figure).interval for figure in ("psnr", "ssim", "eq14")},
        "unet_passes": row.passes,
    }


def _finite(scores: Scores) -> dict[str, float | None]:
    """By name, as JSON can hold it: None for the infinite PSNR of a picture that is met exactly."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(scores).items()}
