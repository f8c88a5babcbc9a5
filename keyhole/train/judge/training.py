"""The judge's trainings, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelerate.utils import set_seed

from keyhole.judge.judge import Judge
from keyhole.train.judge.pictures import TruePictures
from keyhole.train.judge.reading import ReadingRecipe, ReadingTraining
from keyhole.train.judge.telling import TellingApart, TellingRecipe
from keyhole.train.loop import fit, learn


@dataclass(frozen=True)
class JudgeRecipe:
    """How the judge is trained; the networks share nothing.

    Attributes:
        reading: of plates and people.
        telling: vehicles apart.
    """

    reading: ReadingRecipe
    telling: TellingRecipe


def train_judge(data: TruePictures, recipe: JudgeRecipe, out: Path) -> Judge:
    """Train a judge; goes on from ``out/reading/checkpoint`` and ``out/telling/checkpoint`` where a run stopped.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.
        out: folder for checkpoints.

    Raises:
        ValueError: no picture shows a plate or a person, or too few vehicles.
    """
    set_seed(recipe.reading.seed)
    judge = Judge()
    telling = TellingApart(judge, data, recipe.telling)
    learn(ReadingTraining(judge, data, recipe.reading), out / "reading")
    judge.embedder.network = fit(telling, out / "telling")
    return judge.cpu().eval()
