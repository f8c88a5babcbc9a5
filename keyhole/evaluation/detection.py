"""How well a detector finds what is in pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from keyhole.data.boxed import BOX_CLASSES, BoxedPictures, Boxes, mean_boxes
from keyhole.metrics.detection import Found, mean_average_precision
from keyhole.metrics.detection_interval import MatchedBoxes
from keyhole.metrics.interval import Interval

_BATCH = 64


@dataclass(frozen=True)
class DetectionTrial:
    """Pictures in which things are to be found.

    Attributes:
        boxed: the pictures and what is in them.
    """

    boxed: BoxedPictures

    @property
    def counts(self) -> Mapping[str, int]:
        """How many pictures and boxes."""
        truths = self.boxed.truths
        return {"pictures": len(truths), "boxes": sum(len(truth.labels) for truth in truths)}

    def figures(self, network: nn.Module, preprocess: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """In percent, as `mean_average_precision` has them.

        Args:
            network: N×3×H×W, normalised, to a list with a mapping for each picture; labels are places in `BOX_CLASSES`.
            preprocess: of the network, from pictures in [0, 1].
        """
        return self._measured(found_in(network, self.boxed.pictures, preprocess))

    def assessed(
        self, network: nn.Module, preprocess: Callable[[Tensor], Tensor]
    ) -> tuple[dict[str, float], Interval | None]:
        """`figures`, and the 95 % interval of mAP over pictures, in percent."""
        found = found_in(network, self.boxed.pictures, preprocess)
        return self._measured(found), MatchedBoxes.of(found, self._truths).interval()

    def blind(self, seen: Sequence[Boxes]) -> dict[str, float]:
        """The same of somebody who sees no picture: the mean box of each class, the most frequent class first.

        Args:
            seen: boxes of other pictures, of which the means are taken.
        """
        boxes, shares = mean_boxes(seen)
        guess = {"boxes": boxes.boxes, "labels": boxes.labels, "scores": shares}
        return self._measured([guess] * len(self.boxed.truths))

    def _measured(self, found: Sequence[Found]) -> dict[str, float]:
        return mean_average_precision(found, self._truths, BOX_CLASSES)

    @property
    def _truths(self) -> list[Found]:
        return [vars(truth) for truth in self.boxed.truths]


@torch.inference_mode()
def found_in(network: nn.Module, pictures: Tensor, preprocess: Callable[[Tensor], Tensor]) -> list[dict[str, Tensor]]:
    """What a detector answers, for each of uint8 pictures N×3×H×W."""
    network.eval()
    device = next(network.parameters(), torch.empty(0)).device
    found: list[dict[str, Any]] = []
    for some in torch.split(pictures, _BATCH):
        answers = network(preprocess(some.float() / 255).to(device))
        found += [{name: value.cpu() for name, value in answer.items()} for answer in answers]
    return found
