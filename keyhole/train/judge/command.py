"""``keyhole train judge``: from drawn pictures to the judge's weights with a card."""

from __future__ import annotations

import dataclasses

from keyhole.judge.card import JudgeCard
from keyhole.judge.identity import ARCHITECTURE
from keyhole.judge.load import load_judge
from keyhole.service.files import TRAINING, alone
from keyhole.targets.card import WEIGHTS, this_command, write_card
from keyhole.targets.weight_files import save_quantised
from keyhole.terminal import terminal
from keyhole.train.judge.figures import judge_figures
from keyhole.train.judge.pictures import Plan, true_pictures
from keyhole.train.judge.reading import ReadingRecipe
from keyhole.train.judge.settings import JudgeSettings
from keyhole.train.judge.teacher import TeacherRecipe
from keyhole.train.judge.telling import TellingRecipe
from keyhole.train.judge.training import JudgeRecipe, train_judge
from keyhole.train.recipe import stages_of


def judge(settings: JudgeSettings) -> int:
    """Draw, train, store as int8, measure what is stored, write the card; the exit code."""
    console = terminal()
    with alone(settings.out, TRAINING):
        plan = Plan(settings.identities, settings.views, settings.near, settings.seed)
        shared = {name: getattr(settings, name) for name in ("batch", "seed", "precision")}
        batches = {**shared, "per_identity": min(4, settings.batch // 2)}
        recipe = JudgeRecipe(
            ReadingRecipe(
                steps=settings.steps,
                learning_rate=settings.learning_rate,
                every=settings.every,
                clean=settings.clean,
                **shared,
            ),
            TeacherRecipe(stages=stages_of(settings.teacher_stages), **batches),
            TellingRecipe(stages=stages_of(settings.stages), clean=settings.clean, **batches),
        )
        trained = train_judge(true_pictures(plan, settings.out, settings.workers), recipe, settings.out)

        save_quantised(trained.state_dict(), settings.out / WEIGHTS)
        card = JudgeCard(
            architecture=ARCHITECTURE,
            data=f"streetcam, pool public: {len(plan)} pictures at {plan.size} px",
            licence=settings.licence,
            recipe=dataclasses.asdict(plan) | dataclasses.asdict(recipe),
            seed=settings.seed,
            figures={},
            command=this_command(),
        )
        write_card(card, settings.out)
        figures = judge_figures(load_judge(settings.out), settings.audit, settings.seed, settings.workers)
        rounded = {name: round(value, 4) for name, value in figures.items()}
        write_card(dataclasses.replace(card, figures=rounded), settings.out)
        console.print(rounded)
        console.print(f"{(settings.out / WEIGHTS).stat().st_size / 2**20:.2f} MiB in {settings.out / WEIGHTS}")
        return 0
