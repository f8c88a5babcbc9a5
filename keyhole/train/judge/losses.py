"""What the judge's networks are asked to do."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.data.streetcam.labels import DRIVER, PASSENGER
from keyhole.judge.judge import Judge
from keyhole.train.judge.pictures import UNKNOWN, TruePictures
from keyhole.train.reid.loss import ReidLoss


class Lesson(nn.Module):
    """The judge, and a classifier of the vehicles, which only the training needs.

    The embedder learns as targets of re-identification do (see `ReidLoss`): triplets before its batch normalisation,
    cross-entropy after it.

    Args:
        judge: what is trained.
        identities: vehicles.
        length: of an embedding.
    """

    def __init__(self, judge: Judge, identities: int, length: int) -> None:
        super().__init__()
        self.judge = judge
        self.classifier = nn.Linear(length, identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        self._tell_apart = ReidLoss()

    def forward(
        self, vehicles: Tensor, identities: Tensor, pictures: Tensor, labels: TruePictures
    ) -> dict[str, Tensor]:
        """Losses by name.

        Args:
            vehicles: RGB in [0, 1], B×3×H×W.
            identities: of these, B integers; each has another picture in the batch.
            pictures: RGB in [0, 1], N×3×H×W, what plates and people are read from.
            labels: of the N pictures; their own pictures are not used.
        """
        features = self.judge.embedder.features(vehicles)
        logits = self.classifier(self.judge.embedder.even(features))
        losses = {"identity": self._tell_apart(features, logits, identities)}
        shown = (labels.plates[:, 0] != UNKNOWN).nonzero().flatten()
        if len(shown):
            scores = self.judge.plates(pictures[shown], labels.corners[shown])
            losses["plate"] = F.cross_entropy(scores.flatten(0, 1), labels.plates[shown].flatten())
        for name, reader, numbers, boxes, attributes in (
            ("driver", self.judge.drivers, labels.drivers, labels.driver_boxes, DRIVER),
            ("passenger", self.judge.passengers, labels.passengers, labels.passenger_boxes, PASSENGER),
        ):
            shown = (numbers[:, 0] != UNKNOWN).nonzero().flatten()
            if len(shown) > 1:
                losses[name] = _mean_loss(reader(pictures[shown], boxes[shown]), numbers[shown], attributes)
        return losses


def _mean_loss(scores: Mapping[str, Tensor], numbers: Tensor, attributes: Mapping[str, tuple[str, ...]]) -> Tensor:
    losses = [F.cross_entropy(scores[name], numbers[:, place]) for place, name in enumerate(attributes)]
    return torch.stack(losses).mean()
