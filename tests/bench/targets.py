"""Targets that misbehave in the processes that measure, and not in the one that plans."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from pathlib import Path

import torch
from torch import nn

from keyhole.data.boxed import BOX_CLASSES
from keyhole.targets import Preprocess, Target
from tests.system.tiny_target import LABELS, tiny

MOOD = "KEYHOLE_TEST_MOOD"
"""Variable with the path of a file without which `moody` fails."""


def deadly() -> Target:
    """Ends the process that measures."""
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return tiny()


def moody() -> Target:
    """Fails while a file is not there."""
    if multiprocessing.parent_process() is not None and not Path(os.environ[MOOD]).exists():
        raise RuntimeError("not in the mood")
    return tiny()


def embedder() -> Target:
    """The mean colour of each quarter, behind a BNNeck."""
    neck = nn.BatchNorm1d(12)
    model = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), neck).eval()
    return Target("embedder", model, Preprocess(16), (), 12, "MIT", "none")


def looker() -> Target:
    """Answers with how red, green and blue a picture is."""
    model = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Target("looker", model.eval(), Preprocess(16), ("red", "green", "blue"), 3, "MIT", "none")


def one_colour(channel: int, level: float, size: int = 16) -> torch.Tensor:
    """A picture of one colour, 3×size×size."""
    picture = torch.full((3, size, size), 0.2)
    picture[channel] = level
    return picture


def labelled() -> Target:
    """The tiny target, its classes in the order of their names as folders have them."""
    return dataclasses.replace(tiny(), labels=tuple(sorted(LABELS)))


class FindsRed(nn.Module):
    """The box around what is red, as surely as it is; a vehicle."""

    def forward(self, pictures: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        found = []
        for picture in pictures:
            rows, columns = (picture[0] > picture[1] + 1).nonzero(as_tuple=True)
            ends = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else []
            box = torch.stack(ends).float()[None] if ends else torch.zeros(0, 4)
            found.append({"boxes": box, "labels": torch.zeros(len(box)).long(), "scores": torch.ones(len(box))})
        return found


def detector() -> Target:
    """Finds vehicles, which are red."""
    model = nn.Sequential(nn.Identity(), nn.ReLU(), FindsRed()).eval()
    return Target("detector", model, Preprocess(32), BOX_CLASSES, 0, "MIT", "none")
