"""The judge's trainings, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelerate.utils import set_seed

from keyhole.judge.judge import Judge
from keyhole.train.judge.pictures import TruePictures
from keyhole.train.judge.reading import ReadingRecipe, ReadingTraining
from keyhole.train.judge.teacher import TeacherRecipe, taught_by_teacher
from keyhole.train.judge.telling import TellingApart, TellingRecipe
from keyhole.train.judge.vehicles import vehicles
from keyhole.train.loop import fit, learn


@dataclass(frozen=True)
class JudgeRecipe:
    """How the judge is trained; the networks share nothing.

    Attributes:
        reading: of plates and people.
        teacher: of the next, which is not part of the judge.
        telling: vehicles apart.
    """

    reading: ReadingRecipe
    teacher: TeacherRecipe
    telling: TellingRecipe


def train_judge(data: TruePictures, recipe: JudgeRecipe, out: Path) -> Judge:
    """Train a judge; goes on from the checkpoints in ``out/reading``, ``teacher`` and ``telling`` where a run stopped.

    Args:
        data: true pictures of the pool ``public``.
        recipe: the hyper-parameters.
        out: folder for checkpoints.

    Raises:
        ValueError: no picture shows a plate or a person, or too few vehicles.
    """
    set_seed(recipe.reading.seed)
    judge = Judge()
    train, trial = vehicles(data)
    learn(ReadingTraining(judge, data, recipe.reading), out / "reading")
    teaching = taught_by_teacher(train, trial, recipe.teacher, out / "teacher")
    telling = TellingApart(judge.embedder, train, trial, recipe.telling, teaching)
    judge.embedder.network = fit(telling, out / "telling")
    return judge.cpu().eval()
