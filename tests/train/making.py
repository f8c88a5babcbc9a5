"""Small pictures of identities: bright fields of the identity's own colour among dark ones of any colour."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.utils import save_image

from keyhole.data.identities import IdentifiedPictures
from keyhole.evaluation.reidentification import ReidentificationTrial, Trials
from keyhole.targets.neck import bn_neck
from keyhole.targets.target import Preprocess
from keyhole.train.tasks.reidentification import Reidentification, ReidRecipe
from keyhole.train.tasks.teacher import Teaching

SIDE = 16
PREPROCESS = Preprocess(SIDE)


def boards(identities: int, views: int, seed: int) -> IdentifiedPictures:
    generator = torch.Generator().manual_seed(seed)
    own = 0.5 + 0.5 * torch.rand(identities, 1, 3, 1, 1, generator=generator)
    ground = 0.5 * torch.rand(identities, views, 3, 1, 1, generator=generator)
    place = torch.arange(SIDE) // 4
    bright = (place[:, None] + place) % 2 == 0
    pictures = torch.where(bright, own, ground).flatten(0, 1)
    pictures = (pictures * 240 + 15 * torch.rand(pictures.shape, generator=generator)).to(torch.uint8)
    return IdentifiedPictures(
        pictures, torch.arange(identities).repeat_interleave(views), torch.arange(identities * views)
    )


def files(root: Path, data: IdentifiedPictures) -> None:
    for number, (picture, identity) in enumerate(zip(data.pictures, data.identities, strict=True)):
        path = root / f"person-{int(identity)}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(picture / 255, path)


def trial(data: IdentifiedPictures, views: int) -> ReidentificationTrial:
    probes = tuple(range(0, len(data.pictures), views))
    return ReidentificationTrial(
        data, probes, tuple(place for place in range(len(data.pictures)) if place not in probes)
    )


def trials(data: IdentifiedPictures, views: int) -> Trials:
    """One trial to choose by and to report of."""
    return Trials(selection=trial(data, views), report=trial(data, views))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, 24, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        bn_neck(24),
    )


def recipe(epochs: int) -> ReidRecipe:
    return ReidRecipe(
        stages=((SIDE, epochs),), batch=32, learning_rate=0.05, ema=0.9, crop=0.95, colour=0.05, erase=0.25
    )


def lesson(
    train: IdentifiedPictures, tested: ReidentificationTrial, epochs: int, teaching: Teaching | None = None
) -> Reidentification:
    trials = Trials(selection=tested, report=tested)
    return Reidentification(network(), train, trials, PREPROCESS, recipe(epochs), teaching=teaching)


def neck_of(module: nn.Module) -> tuple[Tensor, Tensor]:
    (neck,) = (layer for layer in module.modules() if isinstance(layer, nn.BatchNorm1d))
    return neck.weight, neck.bias
