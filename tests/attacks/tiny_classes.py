"""A tiny world of classes: bright blobs at a place and in a colour of each class, and a classifier that knows them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from keyhole.attacks.classes.base import Answer, ClassWhiteBox

CLASSES, SIDE = 6, 16


def blobs(labels: Tensor, seed: int = 0) -> Tensor:
    """Pictures of classes, N×3×16×16: the class says where the blob is and which colour it has."""
    random = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    pictures = 0.3 + 0.05 * torch.randn(len(labels), 3, SIDE, SIDE, generator=random)
    for at, label in enumerate(labels.tolist()):
        down, right = 4 + 8 * (label % 2), 3 + 5 * (label // 2)
        down, right = (place + int(torch.randint(-1, 2, (), generator=random)) for place in (down, right))
        shape = (-((rows - down).square() + (columns - right).square()) / 8.0).exp()
        pictures[at, label % 3] += 0.6 * shape
    return pictures.clamp(0, 1)


def public(count: int = 64, seed: int = 7) -> Tensor:
    """Public pictures: blobs in mixed colours, of no class."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=random)
    mixing = torch.rand(count, 3, 3, generator=random)
    shown = torch.einsum("nij,njhw->nihw", mixing / mixing.sum(dim=2, keepdim=True), blobs(labels, seed))
    return shown.clamp(0, 1)


class Net(nn.Module):
    """A small classifier with two layers; its penultimate activations have 12 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 12), nn.ReLU())
        self.classes = nn.Linear(12, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        """N×K logits."""
        logits: Tensor = self.classes(self.features(pictures - 0.3))
        return logits


def trained(seed: int = 0) -> Net:
    """The network, trained on blobs for a moment."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Net()
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    labels = torch.arange(CLASSES).repeat(8)
    pictures = blobs(labels, seed)
    for _ in range(60):
        adam.zero_grad()
        nn.functional.cross_entropy(net(pictures), labels).backward()
        adam.step()
    return net.eval().requires_grad_(False)


def white_box(net: Net | None = None, shown: Tensor | None = None) -> ClassWhiteBox:
    """What an attacker knows of the tiny classifier."""
    net = net or trained()
    pictures = public() if shown is None else shown
    return ClassWhiteBox(
        CLASSES, SIDE, lambda: pictures, classify=lambda seen: Answer(net(seen), net.features(seen - 0.3))
    )
