"""What a cloud's answer says of the picture: the likeliest class, or boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from keyhole.targets.detections import BOXES, LABELS, SCORES
from keyhole.v1 import referee_pb2

SURE, MOST = 0.3, 16
"""Smallest score of a box that is told of, and boxes of a picture at most."""


@dataclass(frozen=True)
class AnswerReader:
    """Reads the answers of one model.

    Attributes:
        labels: name of each class; empty where they have none.
        names: of the tensors of an answer, in their order, as in `keyhole.nn.nested_tensors.named_tensors`.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...] = ()

    def prediction(self, outputs: Sequence[Tensor]) -> str:
        """The name of the likeliest class, or of the classes that boxes show, the surest first; empty: no name."""
        if found := self.detections(outputs):
            return ", ".join(dict.fromkeys(each.label for each in found))
        shapes = [output.shape[1:] for output in outputs]
        return self.labels[int(outputs[0].argmax())] if shapes == [(len(self.labels),)] else ""

    def detections(self, outputs: Sequence[Tensor]) -> list[referee_pb2.Detection]:
        """The boxes of an answer, the surest first; none where it has no boxes, or none that is sure."""
        by_name = dict(zip(self.names, outputs, strict=False))
        if not {BOXES, LABELS, SCORES} <= by_name.keys():
            return []
        boxes, labels, scores = (by_name[name].tolist() for name in (BOXES, LABELS, SCORES))
        told = sorted(zip(scores, labels, boxes, strict=True), key=lambda each: -each[0])
        return [
            referee_pb2.Detection(label=self._named(label), score=score, box=referee_pb2.Box(
                left=box[0], top=box[1], right=box[2], bottom=box[3]
            ))
            for score, label, box in told[:MOST]
            if score >= SURE
        ]  # fmt: skip

    def _named(self, label: int) -> str:
        return self.labels[label] if 0 <= label < len(self.labels) else str(label)
