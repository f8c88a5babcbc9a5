"""What an edge reads from the cloud's answers."""

from __future__ import annotations

import torch

from edge.answers import MOST, AnswerReader

LABELS = ("vehicle", "plate")
BOXES = AnswerReader(LABELS, ("0.boxes", "0.labels", "0.scores"))


def answer(scores: list[float], labels: list[int]) -> tuple[torch.Tensor, ...]:
    return torch.arange(4.0 * len(scores)).view(-1, 4), torch.tensor(labels, dtype=torch.long), torch.tensor(scores)


def test_the_likeliest_class_is_the_prediction() -> None:
    reader = AnswerReader(LABELS, ("output",))
    assert reader.prediction((torch.tensor([[0.1, 0.9]]),)) == "plate"
    assert reader.detections((torch.tensor([[0.1, 0.9]]),)) == []
    assert AnswerReader((), ("output",)).prediction((torch.tensor([[0.1, 0.9]]),)) == ""


def test_sure_boxes_are_told_of_the_surest_first() -> None:
    outputs = answer([0.4, 0.9, 0.1, 0.8], [1, 0, 1, 7])
    found = BOXES.detections(outputs)
    assert [each.label for each in found] == ["vehicle", "7", "plate"]
    assert [each.box.left for each in found] == [4, 12, 0]
    assert (found[0].box.top, found[0].box.right, found[0].box.bottom) == (5, 6, 7)
    assert BOXES.prediction(outputs) == "vehicle, 7, plate"
    assert len(BOXES.detections(answer([0.9] * 40, [0] * 40))) == MOST
    assert BOXES.prediction(answer([], [])) == ""
