"""U-Net passes that a white-box diffusion attack needs for a given likeness, by recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from benchmarks.measurement import Measurement, MeasurementSettings, run
from keyhole.attacks.base import Estimate
from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ATTACKS, ChosenAttack, choose_all
from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import OfflineAttack, Trial
from keyhole.metrics import ssim
from keyhole.partition import partitioned
from keyhole.service.memory import keep_all_freed

ATTACK = "diffusion-white"
LEVELS = (0.5, 0.6, 0.7, 0.75)
INTERVAL = 5.0


@dataclass(frozen=True)
class PassesSettings(MeasurementSettings):
    """Count the U-Net passes of a white box until its pictures are as like the truth as given."""

    recipes: tuple[str, ...] = ("strong", "refined", "guided", "noise")
    """Recipes of diffusion-white. `paper` samples 1,500 times for each picture, which takes hours without a GPU."""
    cut: str = "layer2"
    """Where resnet18-streetcam is cut."""
    n: int = 4
    """Pictures, attacked together."""


@dataclass(frozen=True)
class PassesRow:
    """One recipe; passes are those for each picture."""

    recipe: str
    reached: dict[str, str]
    passes: int
    ssim: float
    seconds: float


def measure(choice: ChosenAttack[Recipe], settings: PassesSettings) -> PassesRow:
    """Run one recipe to its end, and look at its pictures on the way."""
    terms = OfflineSettings(cut=settings.cut, n=settings.n, batch=settings.n)
    target, partition = partitioned(terms)
    truths = Attacked.by(terms, target, 0).pictures
    offline = OfflineAttack(Trial(terms, choice, 0, 0), target, partition, lambda: None, interval=INTERVAL)
    (estimates,) = offline.watched(truths, [range(settings.n)])
    course = [(estimate, _likeness(estimate, truths)) for estimate in estimates]
    last, likeness = course[-1]
    return PassesRow(choice.recipe_name, reached(course), last.passes, likeness, last.seconds / settings.n)


def reached(course: Sequence[tuple[Estimate, float]]) -> dict[str, str]:
    """The passes behind the first estimate of at least each of `LEVELS`; a dash where none is."""
    return {
        f"{level:g}": next((str(estimate.passes) for estimate, likeness in course if likeness >= level), "–")
        for level in LEVELS
    }


def _likeness(estimate: Estimate, truths: Tensor) -> float:
    return float(ssim(estimate.pictures, truths).mean())


def measurement(settings: PassesSettings) -> Measurement:
    """The measurement, with one row for each recipe."""
    torch.set_num_threads(1)
    keep_all_freed()
    words = [f"{ATTACK}/{recipe}" for recipe in settings.recipes]
    rows = [measure(choice, settings) for choice in choose_all(words, "strong", ATTACKS)]
    how = f"""{ATTACK} on resnet18-streetcam cut at {settings.cut}, {settings.n} audit pictures at once, one thread:
    passes for each picture until their mean SSIM is at least so much, looked at every {INTERVAL:.0f} s (which costs a
    recipe that samples some passes too); a dash where it never is. Training of a network that a recipe starts from is
    left out."""
    return Measurement(
        "U-Net passes to a given likeness",
        " ".join(how.split()),
        {
            "recipe": ("recipe", ""),
            **{f"SSIM {level:g}": (f"{level:g}", "") for level in LEVELS},
            "passes in all": ("passes", ""),
            "SSIM at the end": ("ssim", ".3f"),
            "s/picture": ("seconds", ".1f"),
        },
        tuple(asdict(row) | row.reached for row in rows),
        "python -m benchmarks.passes",
    )


if __name__ == "__main__":
    run(PassesSettings, measurement)
