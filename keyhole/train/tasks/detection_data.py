"""Data of detection: passes of streetcam's vehicles, in pools that share none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from keyhole.data.boxed import BoxedPasses, BoxedPictures, Boxes
from keyhole.data.classes import STREETCAM
from keyhole.evaluation.detection import DetectionTrial
from keyhole.service.errors import UsageError
from keyhole.sizes import Size
from keyhole.train.settings import TrainSettings

VEHICLES, VIEWS = 2000, 4
_HELD_OUT, _PUBLIC = 150, 100


@dataclass(frozen=True)
class DetectionTrials:
    """Pictures that a detector was neither trained on nor chosen by.

    Attributes:
        report: vehicles that it has not seen, before the cameras that it knows.
        elsewhere: others before other cameras, with other paints, plates and signs.
        seen: boxes of public pictures, for the guess of somebody who sees no picture.
    """

    report: DetectionTrial
    elsewhere: DetectionTrial
    seen: tuple[Boxes, ...]

    @property
    def by_suffix(self) -> Mapping[str, DetectionTrial]:
        """The trials by what is added to the names of their figures."""
        return {"": self.report, "_other_cameras": self.elsewhere}


@dataclass(frozen=True)
class DetectionData:
    """What flags say of the pictures.

    Attributes:
        settings: the flags.
        size: of the pictures, in pixels.

    Raises:
        UsageError: another data set than streetcam.
    """

    settings: TrainSettings
    size: Size

    def __post_init__(self) -> None:
        if self.settings.data != STREETCAM:
            raise UsageError(
                f"--data {self.settings.data}: detection is of the boxes of {STREETCAM}, which no other data set has"
            )

    def training(self, console: Console) -> BoxedPictures:
        """Pictures to train on."""
        return self._read("private-train", self.settings.identities or VEHICLES, console)

    def selection(self, console: Console) -> DetectionTrial:
        """Pictures that epochs are chosen by."""
        return DetectionTrial(self._read("private-test", max(1, self._held_out // 3), console))

    def trials(self, console: Console) -> DetectionTrials:
        """Pictures that figures are told of."""
        return DetectionTrials(
            DetectionTrial(self._read("private-report", self._held_out, console)),
            DetectionTrial(self._read("public-shifted", self._held_out, console)),
            self._read("public", _PUBLIC, console).truths,
        )

    @property
    def _held_out(self) -> int:
        return self.settings.held_out or _HELD_OUT

    def _read(self, pool: str, vehicles: int, console: Console) -> BoxedPictures:
        settings = self.settings
        passes = BoxedPasses(pool, vehicles, settings.views or VIEWS)  # type: ignore[arg-type]  # a pool's name
        folder = settings.pictures or settings.out
        return passes.read(self.size, workers=settings.workers, folder=folder, console=console)
