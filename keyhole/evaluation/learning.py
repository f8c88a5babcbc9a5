"""How an attack learns: one training, looked at after several numbers of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.progress import Progress
from torch import Tensor

from keyhole.attacks.entry import Recipe
from keyhole.attacks.features.trained_recipe import TrainedRecipe
from keyhole.attacks.registry import ChosenAttack
from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.picture_ledger import PictureLedger
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import OfflineAttack, Trial
from keyhole.partition import Partition, partitioned_at
from keyhole.targets import Target


def goes_on(choice: ChosenAttack[Recipe]) -> bool:
    """Whether a training of so many steps is the beginning of a longer one."""
    return isinstance(choice.recipe, TrainedRecipe) and choice.recipe.training.epochs is None


def learn_once(
    settings: OfflineSettings, choice: ChosenAttack[Recipe], seed: int, steps: Sequence[int], progress: Progress
) -> None:
    """Train an attack that `goes_on` once at each cut, and keep in the run's folder what it makes after each number of
    steps: `keyhole.evaluation.run.evaluate` with so many iterations finds it there.

    Raises:
        UsageError: no such prior, defence, codec, device, model or cut.
        FileNotFoundError: no such pictures.
    """
    target, partitions = partitioned_at(settings, settings.cuts or (settings.cut,))
    truths = Attacked.by(settings, target, seed).pictures
    trials = [Trial(replace(settings, iterations=count), choice, seed, seed) for count in sorted(set(steps))]
    for partition in partitions:
        _learn(trials, target, partition, truths, progress)


def _learn(trials: Sequence[Trial], target: Target, partition: Partition, truths: Tensor, progress: Progress) -> None:
    cut, size = partition.plan.cut, trials[0].together
    every = range(len(truths))
    batches = [every[at : at + size] for at in range(0, len(truths), size)]
    ledgers = [(trial, PictureLedger.open(trial.settings.out, trial.description(target))) for trial in trials]
    due = [(trial, ledger) for trial, ledger in ledgers if not all(ledger.has(cut, index) for index in every)]
    if not due:
        return
    longest = due[-1][0]
    task = progress.add_task(f"{longest.choice.word} {cut}, seed {longest.seed}", total=longest.steps)
    losses: list[float] = []
    offline = OfflineAttack(longest, target, partition, lambda: progress.advance(task), losses.append)
    course = offline.course(truths, batches, [trial.steps for trial, _ in due])
    for (_, ledger), made in zip(due, course, strict=True):
        for batch, last in zip(batches, made, strict=True):
            for index, picture in zip(batch, last.pictures, strict=True):
                ledger.keep(cut, index, picture, last.passes)
        ledger.keep_losses(cut, 0, losses)
