"""Flags that say who judges pictures of a classifier's classes while a system runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ClassJudgeSettings:
    """Whom the monitor asks what pictures of classes show. Without an evaluator and private pictures: nobody."""

    recall_evaluator: str | None = None
    """Classifier of the same classes and of another architecture that says whom pictures of --recall show: as --target,
    never the one under attack."""
    recall_private: str | None = None
    """Private pictures that the target was trained on, as `keyhole invert --private` names them and divided as `keyhole
    train target` divides them by itself: --recall-judge says whose held-back pictures are nearest. The adversary sees
    none of them."""
    recall_judge: str | None = None
    """Who compares with them: as `keyhole invert --judge`. Absent: the shipped judge, for streetcam."""
    recall_pictures: Path | None = None
    """Folder that keeps drawn pictures of streetcam, such as the --out of the target's training: they are read from
    there. Absent, or not there: the held-back ones are drawn, for some minutes."""
