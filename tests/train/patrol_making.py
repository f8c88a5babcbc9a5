"""A narrow residual network with an embedding or classes, and pictures that it can learn."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from keyhole.targets import Preprocess, Target
from keyhole.targets.neck import bn_neck

SIDE = 16


class Narrow(nn.Module):
    """A stem and two stages, as in a ResNet."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))
        shortcut = nn.Sequential(nn.Conv2d(8, 12, 1, 2, bias=False), nn.BatchNorm2d(12))
        self.layer2 = nn.Sequential(BasicBlock(8, 12, 2, shortcut))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.fc(self.pool(self.layer2(self.layer1(x))).flatten(1))


def classifier(seed: int = 0) -> nn.Module:
    """Three classes; batch norms that are not the identity."""
    return _seeded(lambda: Narrow(nn.Linear(12, 3)), seed)


def embedder(seed: int = 0) -> nn.Module:
    """An embedding of 12 numbers."""
    return _seeded(lambda: Narrow(bn_neck(12)), seed)


def _seeded(make, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1, 0.2)
                nn.init.normal_(layer.bias, 0, 0.2)
                layer.running_mean.normal_(0, 0.2)
                layer.running_var.uniform_(0.5, 2)
    return network.eval()


def class_folders(root: Path, each: int = 16) -> Path:
    """``root/train|val/class-k/…png``: pictures of three colours."""
    generator = torch.Generator().manual_seed(0)
    for split in ("train", "val"):
        for number, colour in enumerate(torch.eye(3)):
            folder = root / split / f"class-{number}"
            folder.mkdir(parents=True)
            for index in range(each):
                noise = torch.rand(SIDE, SIDE, 3, generator=generator)
                pixels = (255 * (0.5 * colour + 0.5 * noise)).to(torch.uint8)
                Image.fromarray(pixels.numpy()).save(folder / f"{index}.png")
    return root


def target() -> Target:
    """The classifier as a target of one's own."""
    return Target("narrow", classifier(), Preprocess(SIDE), (), 3, "MIT", "drawn")


def embedding_target() -> Target:
    """The embedder as a target of one's own."""
    return Target("narrow", embedder(), Preprocess(SIDE), (), 12, "MIT", "drawn")


REIDENTIFICATION = {
    "target": f"{__name__}:embedding_target",
    "data": "streetcam",
    "identities": 4,
    "views": 4,
    "held_out": 2,
    "workers": 0,
    "batch": 8,
    "steps": 2,
}
"""Flags of a training of the embedder that takes seconds."""
