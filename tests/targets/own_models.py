"""Models of one's own, as a user would write them."""

import torch
from torch import nn

from keyhole.targets import Preprocess, Target


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7))


def target() -> Target:
    return Target(
        name="mine",
        model=network().train(),
        preprocess=Preprocess(40, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        labels=tuple("abcdefg"),
        outputs=7,
        licence="MIT",
        weights="trained at home",
    )


def number() -> int:
    return 3


def pixels() -> nn.Module:
    return nn.Upsample(scale_factor=2)


def broken() -> nn.Module:
    return nn.Linear(5, 5, dtype=torch.float32)
