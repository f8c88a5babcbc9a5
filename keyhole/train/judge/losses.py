"""What the judge's readers are asked to do."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.streetcam.shot import DRIVER, PASSENGER
from keyhole.judge.judge import Judge
from keyhole.train.judge.pictures import UNKNOWN, TruePictures


class ReadingLesson(nn.Module):
    """A judge's readers of plates and people, by cross-entropy.

    Args:
        judge: its readers are trained, its embedder is not touched.
    """

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.plates, self.drivers, self.passengers = judge.plates, judge.drivers, judge.passengers

    def forward(self, pictures: Tensor, labels: TruePictures) -> dict[str, Tensor]:
        """Losses by name.

        Args:
            pictures: RGB in [0, 1], N×3×H×W.
            labels: of these; their own pictures are not used.
        """
        losses = {}
        shown = (labels.plates[:, 0] != UNKNOWN).nonzero().flatten()
        if len(shown):
            scores = self.plates(pictures[shown], labels.corners[shown])
            losses["plate"] = F.cross_entropy(scores.flatten(0, 1), labels.plates[shown].flatten())
        for name, reader, numbers, boxes, attributes in (
            ("driver", self.drivers, labels.drivers, labels.driver_boxes, DRIVER),
            ("passenger", self.passengers, labels.passengers, labels.passenger_boxes, PASSENGER),
        ):
            shown = (numbers[:, 0] != UNKNOWN).nonzero().flatten()
            if len(shown) > 1:
                losses[name] = _mean_loss(reader(pictures[shown], boxes[shown]), numbers[shown], attributes)
        return losses


def _mean_loss(scores: Mapping[str, Tensor], numbers: Tensor, attributes: Mapping[str, tuple[str, ...]]) -> Tensor:
    losses = [F.cross_entropy(scores[name], numbers[:, place]) for place, name in enumerate(attributes)]
    return torch.stack(losses).mean()
