"""Frames per second of each rung of an adversary's ladder, alone on one thread.

The speed of a network does not depend on how well it was trained. So the networks that attacks start from are trained
for a few steps, which are not counted.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch

from benchmarks.measurement import Measurement, MeasurementSettings, run
from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ATTACKS, ChosenAttack, choose_all
from keyhole.evaluation.attacked import Attacked
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import OfflineAttack, Trial
from keyhole.partition import partitioned
from keyhole.service.memory import keep_all_freed

RUNGS = (
    "pixels-black",
    "pixels-white",
    "decoder-black",
    "decoder-black/one-step",
    "diffusion-black",
    "decoder-white",
    "decoder-white/refined",
    "diffusion-white",
    "diffusion-white/refined",
    "diffusion-white/guided",
)
TOGETHER = 8
REPEATS = 3
TRAINING = 8


@dataclass(frozen=True)
class RungsSettings(MeasurementSettings):
    """Time the rungs of an adversary."""

    target: str = "resnet18-streetcam"
    """Model to attack."""
    cut: str = "layer2"
    """Where it is cut."""
    prior: str = "streetcam"
    """Prior of the attacks that need one: a name or a directory."""


@dataclass(frozen=True)
class RungsRow:
    """One rung with so many frames at once: seconds until the last of them is answered, for each of them."""

    attack: str
    knowledge: str
    frames: int
    steps: int
    passes: int
    ms: float
    rate: float


def measure(choice: ChosenAttack[Recipe], together: int, settings: RungsSettings) -> RungsRow:
    """Time one rung; the first answer warms up, unless an optimiser is longer at work than any start."""
    learns = choice.recipe.learns
    terms = OfflineSettings(
        target=settings.target, cut=settings.cut, prior=settings.prior, n=together, training_steps=TRAINING,
        iterations=TRAINING if learns else None, public="leaves",
    )  # fmt: skip
    target, partition = partitioned(terms)
    pictures = Attacked.by(terms, target, 0).pictures
    attack = OfflineAttack(Trial(terms, choice, 0, 0), target, partition, lambda: None)
    estimates = list(attack.reconstruct(pictures, [range(together)] * (1 + REPEATS if learns else 1)))
    seconds = statistics.median(each.seconds for each in (estimates[1:] if learns else estimates))
    steps = 1 if learns else estimates[-1].iteration
    each = seconds / together
    return RungsRow(choice.word, choice.recipe.knowledge, together, steps, estimates[-1].passes, 1e3 * each, 1 / each)


def measurement(settings: RungsSettings) -> Measurement:
    """Every attack that a frame can wait for; networks with one frame and with several."""
    torch.set_num_threads(1)
    keep_all_freed()
    rows = [
        measure(choice, together, settings)
        for choice in choose_all(RUNGS, "strong", ATTACKS)
        for together in ((1, TOGETHER) if choice.recipe.learns else (1,))
    ]
    return Measurement.of(
        rows,
        "Rungs of an adversary",
        f"""Frames that an attack answers on one thread, {settings.target} cut at {settings.cut}: by one pass of a
        network (black box) or by an optimisation to its end (white box), training left out. The white boxes' frame
        is their first, with what they estimate before it; those that refine start from a network of {TRAINING} steps
        and stop early. Steps are those of the optimiser, passes those of a diffusion's U-Net.""",
        {
            "attack": ("attack", ""),
            "knowledge": ("knowledge", ""),
            "frames at once": ("frames", ""),
            "steps": ("steps", ""),
            "passes": ("passes", ""),
            "ms/frame": ("ms", ".1f"),
            "frames/s": ("rate", ".3g"),
        },
        "python -m benchmarks.rungs",
    )


if __name__ == "__main__":
    run(RungsSettings, measurement)
