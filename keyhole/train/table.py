"""The tasks that a target can be trained for, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console

from keyhole.targets.settings import TaskName
from keyhole.train.settings import TrainSettings
from keyhole.train.task import Task
from keyhole.train.tasks.classifier import classification
from keyhole.train.tasks.reid.task import reidentification

TASKS: Mapping[TaskName, Callable[[TrainSettings, Console], Task]] = {
    "classification": classification,
    "re-identification": reidentification,
}
