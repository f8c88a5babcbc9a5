"""YOLOv2: boxes, classes and scores in one stage, from a ResNet's last two stages (Redmon & Farhadi 2017)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import ResNet
from torchvision.ops import batched_nms

_TRUNK = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
"""Modules of a ResNet that a detector keeps, under their names; the cuts are those of the ResNet."""
HEAD = ("head", "detect")
"""Modules that a detector adds to them."""
ANCHORS = 5
STRIDE = 16
"""Pixels from one cell to the next: the stride of ``layer3``."""
_WIDTH = 256
_LARGEST = 5.0
"""Most that the logarithm of a side may exceed its anchor's: a random network's boxes stay finite."""


class GridBoxes(NamedTuple):
    """What a head predicts for every anchor of every cell; N×A×H×W each, lengths in cells.

    Attributes:
        centre: …×2, right and down from the upper left corner of the picture.
        shift: …×2, the centre's place in its cell, from 0 to 1: σ(t_x), σ(t_y).
        stretch: …×2, t_w and t_h: logarithms of the sides as shares of the anchor's.
        sides: …×2, width and height: p·exp(t).
        objectness: σ(t_o), which estimates P(object)·IOU.
        classes: …×C, before the softmax.
    """

    centre: Tensor
    shift: Tensor
    stretch: Tensor
    sides: Tensor
    objectness: Tensor
    classes: Tensor

    def corners(self) -> Tensor:
        """Left, top, right, bottom in cells, N×A×H×W×4."""
        return torch.cat((self.centre - self.sides / 2, self.centre + self.sides / 2), -1)


def grid_boxes(maps: Tensor, anchors: Tensor) -> GridBoxes:
    """The direct location prediction of Redmon & Farhadi 2017, §2 and Fig. 3.

    Args:
        maps: of the head, N×A·(5 + C)×H×W.
        anchors: A×2, width and height in cells.
    """
    count, (height, width) = len(anchors), maps.shape[-2:]
    own = maps.view(len(maps), count, -1, height, width).permute(0, 1, 3, 4, 2)
    shift, stretch = own[..., :2].sigmoid(), own[..., 2:4]
    down, right = torch.meshgrid(
        torch.arange(height, device=maps.device), torch.arange(width, device=maps.device), indexing="ij"
    )
    corner = torch.stack((right, down), -1).to(maps.dtype)
    sides = anchors[:, None, None] * stretch.clamp(max=_LARGEST).exp()
    return GridBoxes(corner + shift, shift, stretch, sides, own[..., 4].sigmoid(), own[..., 5:])


class YoloHead(nn.Module):
    """Features of a ResNet's third and fourth stage, N×F×H×W and N×D×H/2×W/2, to maps N×A·(5 + C)×H×W.

    The paper predicts on the grid of the deepest features and passes finer ones through to it (a *reorg*). Its pictures
    have 416 pixels, which gives 13×13 cells. With 128 pixels there would be 4×4 of them, so here the deepest features
    are brought to the grid of the stage before, as YOLOv3 does it: 8×8 cells.

    Args:
        fine: channels of the third stage, F.
        deep: of the fourth, D.
        classes: C.
    """

    def __init__(self, fine: int, deep: int, classes: int) -> None:
        super().__init__()
        self.squeeze = _convolution(deep, _WIDTH, 1)
        self.mix = nn.Sequential(_convolution(fine + _WIDTH, _WIDTH, 3), _convolution(_WIDTH, _WIDTH, 3))
        self.predict = nn.Conv2d(_WIDTH, ANCHORS * (5 + classes), 1)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        spread = F.interpolate(self.squeeze(deep), size=fine.shape[-2:], mode="nearest")
        return self.predict(self.mix(torch.cat((fine, spread), 1)))  # type: ignore[no-any-return]


def _convolution(inner: int, outer: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, side, padding=side // 2, bias=False), nn.BatchNorm2d(outer), nn.LeakyReLU(0.1)
    )


class Detect(nn.Module):
    """Maps of a `YoloHead` to boxes, as torchvision's detectors answer.

    Args:
        threshold: smallest score that is answered with.
        overlap: boxes of a class that overlap a better one by more than this IOU are left out.
        most: boxes of a picture.
    """

    anchors: Tensor

    def __init__(self, threshold: float = 0.01, overlap: float = 0.45, most: int = 30) -> None:
        super().__init__()
        self.threshold, self.overlap, self.most = threshold, overlap, most
        self.register_buffer("anchors", torch.linspace(0.5, 6.0, ANCHORS).repeat_interleave(2))

    @property
    def shapes(self) -> Tensor:
        """Width and height of the anchors in cells, A×2. The buffer is flat, so that it is stored as it is."""
        return self.anchors.view(-1, 2)

    def forward(self, maps: Tensor) -> list[dict[str, Tensor]]:
        """For each picture ``boxes`` (K×4: left, top, right, bottom in pixels), ``labels`` and ``scores``, best first.

        A score is P(class | object)·P(object)·IOU, Eq. 1 of YOLO (Redmon et al. 2016).
        """
        found = grid_boxes(maps, self.shapes)
        height, width = maps.shape[-2:]
        limits = STRIDE * torch.tensor([width, height, width, height], device=maps.device)
        boxes = (STRIDE * found.corners()).clamp_min(0).minimum(limits).flatten(1, 3)
        scores = (found.objectness[..., None] * found.classes.softmax(-1)).flatten(1, 3)
        return [self._kept(*picture) for picture in zip(boxes, scores, strict=True)]

    def _kept(self, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        places, labels = (scores > self.threshold).nonzero(as_tuple=True)
        boxes, scores = boxes[places], scores[places, labels]
        kept = batched_nms(boxes, scores, labels, self.overlap)[: self.most]
        return {"boxes": boxes[kept], "labels": labels[kept], "scores": scores[kept]}


class YoloV2(nn.Module):
    """A ResNet with a YOLOv2 head: normalised pictures, N×3×H×W, to a list with a mapping for each (see `Detect`).

    Where it is cut in or after ``layer4``, the features of ``layer3`` cross too, for the head needs both.

    Args:
        backbone: it is taken apart.
        classes: number of classes.
    """

    layer4: nn.Module

    def __init__(self, backbone: ResNet, classes: int) -> None:
        super().__init__()
        for name in _TRUNK:
            self.add_module(name, backbone.get_submodule(name))
        self.head = YoloHead(*_channels(backbone), classes)
        self.detect = Detect()

    def forward(self, pictures: Tensor) -> list[dict[str, Tensor]]:
        return self.detect(self.head(*self.features(pictures)))  # type: ignore[no-any-return]

    def features(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the head is given: the features of the third and of the fourth stage."""
        x = pictures
        for name in _TRUNK[:-1]:
            x = getattr(self, name)(x)
        return x, self.layer4(x)


def _channels(backbone: ResNet) -> tuple[int, int]:
    convolutions = [[layer for layer in stage.modules() if isinstance(layer, nn.Conv2d)] for stage in
                    (backbone.layer3[-1], backbone.layer4[-1])]  # fmt: skip
    fine, deep = (layers[-1].out_channels for layers in convolutions)
    return fine, deep


def dimension_clusters(sides: Tensor, generator: torch.Generator, rounds: int = 100) -> Tensor:
    """Anchors by k-means with 1 − IOU as the distance (Redmon & Farhadi 2017, §2, "Dimension clusters").

    Args:
        sides: K×2, width and height of boxes, K at least `ANCHORS`.
        generator: chooses the boxes that it starts from.
        rounds: at most.

    Returns:
        `ANCHORS`×2 in the unit of ``sides``, smallest area first.
    """
    means = sides[torch.randperm(len(sides), generator=generator)[:ANCHORS]]
    nearest = torch.full((len(sides),), -1)
    for _ in range(rounds):
        before, nearest = nearest, shape_overlap(sides, means).argmax(1)
        if torch.equal(before, nearest):
            break
        means = torch.stack([sides[nearest == k].mean(0) if (nearest == k).any() else means[k] for k in range(ANCHORS)])
    return means[means.prod(1).argsort()]


def shape_overlap(sides: Tensor, anchors: Tensor) -> Tensor:
    """IOU of boxes K×2 and anchors A×2 that have one centre, K×A."""
    shared = torch.minimum(sides[:, None], anchors).prod(-1)
    return shared / (sides.prod(-1)[:, None] + anchors.prod(-1) - shared)
