"""Specimens for questions about scores: reconstructions, good and poor, of pictures that have something to read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.measurement import MeasurementSettings
from keyhole.attacks.entry import Recipe
from keyhole.attacks.registry import ATTACKS, ChosenAttack, choose_all
from keyhole.data import Sample, open_source
from keyhole.data.sample import SecretLabels
from keyhole.evaluation.run import reconstruct_all
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.trial import Trial
from keyhole.judge.examination import examine
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE
from keyhole.judge.reading import SecretReader, near_plate
from keyhole.judge.recovery import Recovery
from keyhole.partition import partitioned_at
from keyhole.terminal import progress_bar

SIZE = 128
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpecimenSettings(MeasurementSettings):
    """What is reconstructed, and from what."""

    attacks: tuple[str, ...] = ("decoder-black", "pixels-white")
    """Attacks whose reconstructions are looked at."""
    cuts: tuple[str, ...] = ("layer1", "layer2", "layer3")
    """Cuts of resnet18-streetcam that they attack."""
    n: int = 40
    """Pictures: the first of the audit pool that show a plate near enough to be read."""
    training: int = 300
    """Steps of a black box's training."""
    iterations: int = 100
    """Steps of a white box's optimiser."""
    thumbnails: tuple[int, ...] = (4, 8, 12, 16, 24, 32, 48, 64)
    """Shorter sides of the true pictures' thumbnails that are looked at beside them."""
    out: Path = Path("runs/specimens")
    """Folder that keeps the reconstructions; a run that was stopped goes on from there."""


def legible(count: int) -> list[Sample]:
    """The first pictures of the pool audit that show a near plate; a vehicle may come again."""
    stream = open_source("streetcam", pool="audit", size=SIZE, secrets=True)
    return list(itertools.islice((one for one in stream if one.secrets and near_plate(one.secrets)), count))


def reconstructions(settings: SpecimenSettings, truths: Tensor) -> dict[str, Tensor]:
    """What every attack makes of N×3×H×W at every cut, by attack and cut."""
    return reconstructed(choose_all(settings.attacks, "strong", ATTACKS), settings.cuts, settings, truths)


def reconstructed(
    choices: Sequence[ChosenAttack[Recipe]], cuts: Sequence[str], settings: SpecimenSettings, truths: Tensor
) -> dict[str, Tensor]:
    """`reconstructions` by attacks and at cuts that are given."""
    terms = OfflineSettings(batch=20, out=settings.out, n=len(truths))
    target, partitions = partitioned_at(terms, cuts)
    made = {}
    with progress_bar() as progress:
        for choice, partition in itertools.product(choices, partitions):
            steps = settings.training if choice.recipe.learns else settings.iterations
            trial = Trial(replace(terms, iterations=steps), choice, 0, 0)
            done = reconstruct_all(trial, target, partition, truths, progress)
            made[f"{choice.word}, {partition.plan.cut}"] = torch.stack(done.pictures)
    return made


def read(
    judge: SecretReader, pictures: Tensor, labels: Sequence[SecretLabels], gallery: Mapping[str, Tensor]
) -> dict[str, Floats]:
    """How much of each secret a judge reads right, a share for each of N pictures; NaN where its truth shows none."""
    found = examine(judge, pictures, labels, gallery)
    return {secret: np.array([share(one) for one in found]) for secret, share in _SHARES.items()}


def _plate(recovery: Recovery) -> float:
    right, asked = recovery.glyphs
    return right / asked if asked else np.nan


def _driver(recovery: Recovery) -> float:
    pairs = recovery.attributes.values()
    return sum(true == said for true, said in pairs) / len(pairs) if pairs else np.nan


def _vehicle(recovery: Recovery) -> float:
    return np.nan if recovery.identified is None else float(recovery.identified)


_SHARES: Mapping[str, Callable[[Recovery], float]] = {PLATE: _plate, DRIVER: _driver, VEHICLE: _vehicle}
