"""JSON of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from keyhole.evaluation.against import Against
from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.scores import UNIT, EvaluationRow, Scores, Standing, average, strongest
from keyhole.evaluation.yardstick import Floor, Yardstick, scored_by
from keyhole.metrics.base import Metric
from keyhole.metrics.interval import Mean
from keyhole.metrics.thumbnails import Thumbnail


def document(
    run: Mapping[str, object],
    rows: Sequence[EvaluationRow],
    yardstick: Yardstick | None = None,
    against: Against | None = None,
) -> dict[str, Any]:
    """The run and its rows with every picture's scores, for JSON.

    Args:
        run: facts.
        rows: of the evaluation.
        yardstick: what they were measured by; adds the blind attacker and the thumbnails' scale.
        against: what rows were compared with, if anything.
    """
    return {
        **run,
        **({"against": against.word} if against else {}),
        "rows": [
            {
                **summary(row),
                **({"above_against": _gain(against.of(row))} if against else {}),
                "above_strongest": _above_strongest(row, rows),
                "published": asdict(row.published) if row.published else None,
                "pictures": by_picture(row),
                "by_seed": {seed: [_told(row, one) for one in scores] for seed, scores in row.by_seed.items()},
                **({"sets_by_seed": {seed: _finite(one) for seed, one in row.sets.items()}} if row.sets else {}),
                **({"texts_by_seed": {seed: list(texts) for seed, texts in row.texts.items()}} if row.texts else {}),
                "losses": list(row.losses),
            }
            for row in rows
        ],
        **(measures(yardstick) if yardstick else {}),
    }


def summary(row: EvaluationRow) -> dict[str, Any]:
    """A row's figures over all of its pictures, for JSON."""
    return {
        **row.facts,
        "cut": row.plan.cut,
        "alias": row.plan.alias,
        "n": len(row.scores),
        **(_standing(row.standing) if row.standing else {}),
        **{f"{metric}_mean": mean for metric, mean in _told(row, average(row.scores)).items()},
        **{f"{metric}_ci95": row.mean(metric).interval for metric in _told(row, row.scores[0])},
        **(_finite(average(list(row.sets.values()))) if row.sets else {}),
        "unet_passes": row.passes,
        "preparation": asdict(row.prepared) if row.prepared else None,
    }


def by_picture(row: EvaluationRow) -> list[dict[str, float | None]]:
    """A row's scores picture by picture, for JSON."""
    return [_told(row, scores) for scores in row.scores]


def measures(yardstick: Yardstick) -> dict[str, Any]:
    """The blind attacker's figures and the thumbnails' scale, for JSON."""
    scale = yardstick.scale.as_json()
    scores = {name: [[_number(one) for one in side] for side in sides] for name, sides in scale["scores"].items()}
    sets = tuple(metric for metric in yardstick.asked if metric.scope == "set")
    blind = _blind(yardstick.floor, (*scored_by(yardstick.asked), *sets))
    return {"blind": blind, "scale": {**scale, "scores": scores}}


def _blind(floor: Floor, metrics: Sequence[Metric]) -> dict[str, Any]:
    return {
        "best": {
            each.name: {"recipe": floor.best(each), **_mean(floor.mean(floor.best(each), each))} for each in metrics
        },
        "best_read": {
            secret: {"recipe": recipe, **_read(floor.read[recipe][secret])}
            for secret in floor.guessing
            for recipe in (floor.best_read(secret),)
        },
        "recipes": {
            recipe: {
                "read": {secret: _read(found) for secret, found in floor.read.get(recipe, {}).items()},
                **{metric.name: _mean(floor.mean(recipe, metric)) for metric in metrics},
                "pictures": [_finite(scores) for scores in floor.scores[recipe]],
            }
            for recipe in floor.shown
        },
        "left_out": dict(floor.left_out),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "read": {secret: _read(found) for secret, found in standing.read.items()},
        "thumbnail": _thumbnail(standing.thumbnails[UNIT.name]),
        "thumbnails": {metric: _thumbnail(found) for metric, found in standing.thumbnails.items()},
        "above_blind": {metric: _mean(found) for metric, found in standing.above_blind.items()},
    }


def _above_strongest(row: EvaluationRow, rows: Sequence[EvaluationRow]) -> dict[str, Any] | None:
    """What a row gets more than the strongest of its cut, by metric; None for that one itself."""
    best = strongest([each for each in rows if each.plan.cut == row.plan.cut])
    if best is None or best is row:
        return None
    return {metric: _mean(row.gain(best, metric)) for metric in row.scores[0] if metric not in row.beside}


def _gain(found: Mean | None) -> dict[str, Any] | None:
    return _mean(found) if found else None


def _read(found: ReadShare) -> dict[str, Any]:
    return {
        "share": found.value,
        "ci95": found.interval,
        "guessing": found.guessing,
        "as_by_guessing": found.as_by_guessing,
        "asked": found.asked,
        "pictures": found.pictures,
    }


def _thumbnail(found: Thumbnail) -> dict[str, Any]:
    return {"side": found.side, "ci95": found.interval, "full": found.full, "text": found.text}


def _mean(found: Mean) -> dict[str, Any]:
    return {"mean": _number(found.mean), "ci95": found.interval}


def _told(row: EvaluationRow, scores: Scores) -> dict[str, float | None]:
    """Scores by the metrics that were asked for."""
    return _finite({name: value for name, value in scores.items() if name not in row.beside})


def _finite(scores: Scores) -> dict[str, float | None]:
    """Scores by name as JSON holds them: None for the infinite PSNR of a picture that is met exactly."""
    return {name: _number(value) for name, value in scores.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
