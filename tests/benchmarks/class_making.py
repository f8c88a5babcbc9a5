"""JSON of `keyhole invert` as studies of training sets read it, without a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results.class_worlds import faces
from benchmarks.results.steps import DONE, SCORES, Step
from keyhole.attacks.classes.registry import FLOORS, choose_class_attack
from keyhole.metrics.interval import Mean

NAMES = tuple(f"person {number}" for number in range(12))
WORLD = faces(Path("/lfw.zip"), Path("/mobilefacenet.npz"), Path("/taef2"))


def attacked(step: Step) -> tuple[str, ...]:
    """Words of the attacks that a step runs."""
    first = step.arguments.index("--attacks") + 1
    return step.arguments[first : step.arguments.index("--classes")]


def row(top1: float, nearest: float = 1.0, spread: float = 0.01) -> dict[str, Any]:
    """A row's scores: shares around one, and distances around the other."""
    classes = {
        name: {
            "top1": top1 + spread * (at - 5.5),
            "knn_distance_judge": nearest + spread * (at - 5.5),
            "target_top1": top1,
            "ssim": 0.3 + spread * at,
        }
        for at, name in enumerate(NAMES)
    }
    means = {figure: Mean.of([scores[figure] for scores in classes.values()]) for figure in classes[NAMES[0]]}
    return {
        "classes": classes,
        "figures": {figure: {"mean": each.mean, "ci95": each.interval} for figure, each in means.items()},
    }


def document(
    shares: Mapping[str, float], natural: float, distances: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The JSON of a run.

    Args:
        shares: recognised, by word; rows of public pictures that are not named get 0.1.
        natural: accuracy of the target.
        distances: KNN, by word; 1 where it is not named.
    """
    rows = []
    for word in dict.fromkeys((*shares, *FLOORS)):
        chosen = choose_class_attack(word)
        told = {"attack": chosen.attack, "recipe": chosen.recipe_name, "knowledge": chosen.recipe.knowledge}
        told |= {"public_pictures_alone": chosen.entry.floor, "seconds_per_picture": 1.5}
        rows.append({**told, **row(shares.get(word, 0.1), (distances or {}).get(word, 1.0))})
    return {"rows": rows, "real": row(natural), "guessing": {"top1": 1 / 12, "top5": 5 / 12, "verified": 0.01}}


def finish(step: Step, root: Path, told: Mapping[str, Any]) -> None:
    """Mark a step as done, with this JSON."""
    folder = step.folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCORES).write_text(json.dumps(told))
    (folder / DONE).touch()
