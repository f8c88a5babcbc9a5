"""The loss of YOLOv2 against its definition, box by box."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from keyhole.data.boxed import Boxes
from keyhole.targets.yolov2 import STRIDE
from keyhole.train.tasks.yolo_loss import YoloLoss

CLASSES, HEIGHT, WIDTH = 3, 3, 4
ANCHORS = torch.tensor([[0.5, 0.4], [1.5, 0.8], [2.5, 2.0]])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of boxes by their middles and sides."""
    shared = 1.0
    for axis in (0, 1):
        low = max(a[axis] - a[axis + 2] / 2, b[axis] - b[axis + 2] / 2)
        high = min(a[axis] + a[axis + 2] / 2, b[axis] + b[axis + 2] / 2)
        shared *= max(0.0, high - low)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def by_definition(maps: Tensor, truths: list[list[tuple[int, tuple[float, ...]]]]) -> float:
    """Truths in cells, by middle and sides; what each anchor of each cell adds, one after the other."""
    total = 0.0
    anchors = [tuple(anchor) for anchor in ANCHORS.tolist()]
    for picture, things in enumerate(truths):
        learned = {}
        for label, box in things:
            shapes = [iou((0, 0, *box[2:]), (0, 0, *anchor)) for anchor in anchors]
            learned[shapes.index(max(shapes)), int(box[1]), int(box[0])] = label, box
        for a, (pw, ph) in enumerate(anchors):
            for row in range(HEIGHT):
                for column in range(WIDTH):
                    start = a * (5 + CLASSES)
                    tx, ty, tw, th, to, *scores = maps[picture, start : start + 5 + CLASSES, row, column].tolist()
                    predicted = (column + sigmoid(tx), row + sigmoid(ty), pw * math.exp(tw), ph * math.exp(th))
                    if (a, row, column) not in learned:
                        if all(iou(predicted, box) <= 0.6 for _, box in things):
                            total += 0.5 * sigmoid(to) ** 2
                        continue
                    label, (x, y, w, h) = learned[a, row, column]
                    apart = (sigmoid(tx) - (x - column)) ** 2 + (sigmoid(ty) - (y - row)) ** 2
                    apart += (tw - math.log(w / pw)) ** 2 + (th - math.log(h / ph)) ** 2
                    total += 0.5 * (2 - w * h / (HEIGHT * WIDTH)) * apart
                    total += 0.5 * 5 * (iou(predicted, (x, y, w, h)) - sigmoid(to)) ** 2
                    total += math.log(sum(map(math.exp, scores))) - scores[label]
    return total / len(truths)


def boxes(things: list[tuple[int, tuple[float, ...]]]) -> Boxes:
    corners = [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for _, (x, y, w, h) in things]
    return Boxes(
        torch.tensor([label for label, _ in things], dtype=torch.long), STRIDE * torch.tensor(corners).view(-1, 4)
    )


THINGS = [
    [(0, (1.3, 1.6, 2.4, 1.8)), (2, (3.2, 0.4, 0.5, 0.3)), (1, (1.6, 1.2, 0.6, 0.5))],
    [(1, (0.4, 2.7, 1.2, 0.9)), (2, (0.6, 2.4, 1.4, 0.7))],  # both fall to one anchor: the last is learned
    [],
]


@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_the_loss_is_what_its_definition_says(spread: float) -> None:
    maps = spread * torch.randn(
        3, len(ANCHORS) * (5 + CLASSES), HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)
    )
    # The first truth as it is predicted by another cell's anchor: an overlap above the threshold is not punished.
    start = 2 * (5 + CLASSES)
    maps[0, start : start + 4, 1, 0] = torch.tensor([4.0, 0.4, math.log(2.4 / 2.5), math.log(1.8 / 2.0)])
    found = YoloLoss()(maps, ANCHORS, [boxes(things) for things in THINGS])
    assert float(found) == pytest.approx(by_definition(maps, THINGS), rel=1e-4)


def test_learning_lets_the_boxes_come_near() -> None:
    maps = torch.zeros(3, len(ANCHORS) * (5 + CLASSES), HEIGHT, WIDTH, requires_grad=True)
    truths, optimiser = [boxes(things) for things in THINGS], torch.optim.Adam([maps], 0.2)
    for _ in range(150):
        optimiser.zero_grad()
        loss = YoloLoss()(maps, ANCHORS, truths)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
