"""The loss of YOLOv2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchvision.ops import box_iou

from keyhole.data.boxed import Boxes
from keyhole.targets.yolov2 import STRIDE, GridBoxes, grid_boxes, shape_overlap


class Places(NamedTuple):
    """Anchors of cells, one for each box of a picture that is learned; K integers each."""

    anchor: Tensor
    row: Tensor
    column: Tensor


@dataclass(frozen=True)
class YoloLoss:
    """The sum of squared errors of YOLO (Redmon et al. 2016, Eq. 3) on the predictions of YOLOv2 (Redmon & Farhadi
    2017, §2).

    A box is learned by one anchor: the one of the cell with its centre whose shape overlaps the box's most. There the
    errors of σ(t_x), σ(t_y), t_w and t_h count, that of the objectness σ(t_o) from the IOU of the predicted with the
    true box, and the class. Everywhere else the objectness is pulled to 0, but where the predicted box overlaps a true
    one by more than ``ignored``.

    YOLOv2's paper prints no loss and names no weights. Those here, the factor 2 − w·h (in shares of the picture) that
    gives the coordinates of small boxes more weight, the threshold ``ignored`` and the cross-entropy of the classes in
    place of their squared error are from the authors' program, darknet (its region layer with yolov2.cfg). Left out:
    that it pulls all boxes to the anchors' shapes for the first 12 800 pictures, changes the size of the pictures
    every ten batches, and learns classes from pictures without boxes by WordTree.

    Attributes:
        coordinates: weight.
        objects: weight of the objectness of anchors that learn a box.
        background: of the others.
        classes: weight.
        ignored: IOU.
    """

    coordinates: float = 1.0
    objects: float = 5.0
    background: float = 1.0
    classes: float = 1.0
    ignored: float = 0.6

    def __call__(self, maps: Tensor, anchors: Tensor, truths: Sequence[Boxes]) -> Tensor:
        """The loss: a scalar, the sum over a picture's boxes, in the mean over the pictures.

        Args:
            maps: N×A·(5 + C)×H×W, of a head.
            anchors: A×2, in cells.
            truths: N, in pixels.
        """
        found = grid_boxes(maps, anchors)
        each = [self._picture(GridBoxes(*(t[n] for t in found)), anchors, truth) for n, truth in enumerate(truths)]
        return torch.stack(each).mean()

    def _picture(self, found: GridBoxes, anchors: Tensor, truth: Boxes) -> Tensor:
        boxes = truth.boxes.to(found.centre) / STRIDE
        overlap = box_iou(found.corners().detach().flatten(0, 2), boxes)
        empty = (overlap <= self.ignored).all(1).view(found.objectness.shape)
        places, learned = assigned(boxes, anchors, found.objectness.shape[1:])
        empty[places] = False
        background = self.background * found.objectness[empty].square().sum() / 2
        if not len(learned):
            return background
        box, sides = boxes[learned], boxes[learned, 2:] - boxes[learned, :2]
        centre = (box[:, :2] + box[:, 2:]) / 2
        shift = centre - torch.stack((places.column, places.row), 1)
        stretch = (sides / anchors[places.anchor]).log()
        apart = (found.shift[places] - shift).square().sum(1) + (found.stretch[places] - stretch).square().sum(1)
        cells = found.objectness[0].numel()
        met = box_iou(found.corners().detach()[places], box).diagonal()
        objectness = (found.objectness[places] - met).square().sum()
        classes = cross_entropy(found.classes[places], truth.labels.to(box.device)[learned], reduction="sum")
        coordinates = ((2 - sides.prod(1) / cells) * apart).sum()
        boxes_lost: Tensor = (self.coordinates * coordinates + self.objects * objectness) / 2 + self.classes * classes
        return background + boxes_lost


def assigned(boxes: Tensor, anchors: Tensor, grid: Sequence[int]) -> tuple[Places, Tensor]:
    """The anchors that learn a picture's boxes. Of boxes that fall to one anchor the last is learned.

    Args:
        boxes: K×4, left, top, right, bottom in cells.
        anchors: A×2, in cells.
        grid: rows and columns.

    Returns:
        Where, and the numbers of the boxes that are learned there.
    """
    rows, columns = grid
    anchor = shape_overlap(boxes[:, 2:] - boxes[:, :2], anchors).argmax(1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    column, row = centre[:, 0].long().clamp(0, columns - 1), centre[:, 1].long().clamp(0, rows - 1)
    last = {
        place: number for number, place in enumerate(zip(anchor.tolist(), row.tolist(), column.tolist(), strict=True))
    }
    learned = torch.tensor(sorted(last.values()), dtype=torch.long, device=boxes.device)
    return Places(anchor[learned], row[learned], column[learned]), learned
