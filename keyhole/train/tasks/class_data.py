"""Data of classification: a folder for each class in train/ and val/, or identities whose pictures are divided."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from keyhole.data.classes import ClassPictures, ClassSource, ReadClasses
from keyhole.data.labelled import LabelledPictures
from keyhole.data.sets.folders import list_folder
from keyhole.data.sets.tree import tree_at
from keyhole.service.errors import UsageError
from keyhole.sizes import size_text
from keyhole.targets.membership import TrainedOn
from keyhole.train.recipe import TrainingRecipe
from keyhole.train.settings import TrainSettings

_DATA = "Tiny-ImageNet, 100 classes"
_TRAIN, _VALIDATION = "train", "val"
IDENTITIES = TrainingRecipe(
    stages=((64, 20),),
    batch=64,
    learning_rate=1e-3,
    weight_decay=0.05,
    label_smoothing=0.0,
    optimiser="adamw",
    warm_up=0.1,
    crop=0.6,
    colour=0.2,
    erase=0.25,
)
"""For some dozens of pictures of each class, and a start from other weights. The labels are not smoothed: it helps who
inverts the classifier (Struppek et al. 2024, "Be careful what you smooth for")."""


class ClassData(ABC):
    """What flags say of classes, before a picture is read.

    Attributes:
        recipe: that suits the data.
        names: of the classes.
        trained_on: who is seen in the training pictures, where the classes are identities.
    """

    recipe: ClassVar[TrainingRecipe]
    names: tuple[str, ...]
    trained_on: TrainedOn = TrainedOn()

    @abstractmethod
    def read(self, console: Console) -> ReadClasses:
        """The pictures; progress goes to the console."""

    @abstractmethod
    def text(self, train: LabelledPictures) -> str:
        """One line on the training pictures, for the card."""


class _Folders(ClassData):
    recipe = TrainingRecipe()

    def __init__(self, settings: TrainSettings, root: Path) -> None:
        self._settings, self._root = settings, root
        self.names, others = (list_folder(root, split).classes for split in (_TRAIN, _VALIDATION))
        if self.names != others:
            raise UsageError(f"{settings.data}: train/ and val/ hold different classes")

    def read(self, console: Console) -> ReadClasses:  # noqa: ARG002  (it takes no time)
        return ReadClasses(*(LabelledPictures.load(self._root, split) for split in (_TRAIN, _VALIDATION)))

    def text(self, train: LabelledPictures) -> str:
        settings = self._settings
        size = size_text(settings.size)
        return f"{settings.data_name or _DATA}: {len(train.labels)} pictures, enlarged to {size} pixels"


class _Divided(ClassData):
    recipe = IDENTITIES

    def __init__(self, settings: TrainSettings, found: ClassPictures) -> None:
        self._settings, self._found = settings, found
        self.names, self.trained_on = found.names, TrainedOn.of(settings.data, found.identities)

    def read(self, console: Console) -> ReadClasses:
        settings = self._settings
        folder = settings.pictures or settings.out
        return self._found.read(settings.size, workers=settings.workers, folder=folder, console=console)

    def text(self, train: LabelledPictures) -> str:
        settings = self._settings
        named = settings.data_name or settings.data
        return f"{named}: {len(train.labels)} pictures of {len(self.names)} classes, {size_text(settings.size)} pixels"


def open_classes(settings: TrainSettings) -> ClassData:
    """The classes that the flags name; no picture is read.

    A folder or zip with ``train/`` and ``val/`` holds classes in both. All else are identities, or an owner's classes,
    of whose pictures a share is held back (see `ClassSource`).

    Raises:
        MissingError: no data there.
        UsageError: classes that differ, or data that does not suffice.
    """
    return next(data for opener in _OPENERS if (data := opener(settings)))


def class_source(settings: TrainSettings) -> ClassSource:
    """The identities as classes that the flags name."""
    return ClassSource(
        settings.data, settings.part, settings.identities, settings.views, settings.held_back, settings.seed
    )


def _folders(settings: TrainSettings) -> ClassData | None:
    root = Path(settings.data).expanduser()
    if settings.part or not root.exists():
        return None
    tree = tree_at(root)
    return _Folders(settings, root) if all(map(tree.exists, (_TRAIN, _VALIDATION))) else None


def _identities(settings: TrainSettings) -> ClassData | None:
    return _Divided(settings, class_source(settings).open(settings.size))


_OPENERS: tuple[Callable[[TrainSettings], ClassData | None], ...] = (_folders, _identities)
