"""JSON of an inversion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from keyhole.evaluation.classes.rows import Inversion, InversionRow
from keyhole.evaluation.classes.scores import ClassScore
from keyhole.metrics.interval import Mean


def inversion_document(done: Inversion, names: Sequence[str]) -> dict[str, Any]:
    """The run and its rows, with the scores of every class and picture, for JSON.

    Args:
        done: the run.
        names: of the classes.
    """
    return {
        **done.facts,
        "judged_among": done.classes,
        "guessing": {"top1": done.chance(1), "top5": done.chance(5), "verified": done.strangers},
        "rows": [_row(done, row, names) for row in done.rows],
        "real": _score(done.real, names),
    }


def _row(done: Inversion, row: InversionRow, names: Sequence[str]) -> dict[str, Any]:
    above, floor = done.above(row, done.best_liked), done.above(row, done.floor)
    return {
        "attack": row.chosen.attack,
        "recipe": row.chosen.recipe_name,
        "knowledge": row.chosen.recipe.knowledge,
        "public_pictures_alone": row.chosen.entry.floor,
        "seconds_per_picture": row.spent.each("seconds"),
        "classifier_pictures_per_picture": row.spent.each("asked"),
        "unet_passes_per_picture": row.spent.each("passes"),
        "above_public_best": _mean(above) if above else None,
        "above_floor": {"row": done.floor.name, **_mean(floor)} if floor else None,
        "published": asdict(row.published) if row.published else None,
        **_score(row.score, names),
    }


def _score(score: ClassScore, names: Sequence[str]) -> dict[str, Any]:
    figures = dict.fromkeys((*(name for one in score.classes.values() for name in one), *score.sets))
    return {
        "figures": {figure: _mean(mean) for figure in figures if (mean := score.mean(figure))},
        "classes": {names[label]: _finite(scores) for label, scores in score.classes.items()},
        "pictures": [
            {"class": names[label], "number": number, **_finite(scores)}
            for (label, number), scores in zip(score.wanted, score.pictures, strict=True)
        ],
    }


def _mean(found: Mean) -> dict[str, Any]:
    return {"mean": found.mean if math.isfinite(found.mean) else None, "ci95": found.interval}


def _finite(scores: Any) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}
