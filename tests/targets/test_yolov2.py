"""Detectors of YOLOv2: what their maps mean, their anchors, and where they are cut."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import keyhole
from keyhole.partition.cutting import same_bits
from keyhole.targets.target import TargetError
from keyhole.targets.yolov2 import ANCHORS, STRIDE, Detect, dimension_clusters, grid_boxes, shape_overlap

SHAPES = torch.tensor([[0.6, 0.5], [1.0, 2.0], [2.0, 1.0], [3.0, 2.5], [6.0, 4.5]])


def test_a_box_lies_where_its_cell_and_its_anchor_say() -> None:
    detect, classes = Detect(), 4
    detect.anchors.copy_(SHAPES.flatten())
    maps = torch.full((1, ANCHORS * (5 + classes), 8, 8), -9.0)
    sure = 2 * (5 + classes)  # the third anchor, in row 3 and column 5
    maps[0, sure : sure + 4, 3, 5] = torch.tensor([0.0, math.log(1 / 3), math.log(1.5), 0.0])  # σ: 1/2, 1/4
    maps[0, sure + 4, 3, 5] = 3.0
    maps[0, sure + 5 : sure + 9, 3, 5] = torch.tensor([0.0, 0.0, 9.0, 0.0])
    (found,) = detect(maps)
    middle, sides = (5.5 * STRIDE, 3.25 * STRIDE), (1.5 * 2.0 * STRIDE, 1.0 * STRIDE)
    box = [middle[0] - sides[0] / 2, middle[1] - sides[1] / 2, middle[0] + sides[0] / 2, middle[1] + sides[1] / 2]
    assert found["boxes"].tolist() == [pytest.approx(box)]
    score = 1 / (1 + math.exp(-3)) * math.exp(9) / (math.exp(9) + 3)
    assert (found["labels"].tolist(), found["scores"].tolist()) == ([2], [pytest.approx(score)])


def test_boxes_stay_in_the_picture_and_the_best_of_those_that_overlap_is_kept() -> None:
    maps = torch.randn(2, ANCHORS * 9, 8, 8, generator=torch.Generator().manual_seed(0))
    detect = Detect()
    for found in detect(maps):
        boxes = found["boxes"]
        assert len(boxes)
        assert float(boxes.min()) >= 0
        assert float(boxes.max()) <= 8 * STRIDE
        assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
    whole = grid_boxes(maps, detect.shapes)
    assert whole.corners().shape == (2, ANCHORS, 8, 8, 4)


def test_each_anchor_is_the_mean_of_the_boxes_that_overlap_it_most() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = SHAPES.repeat(40, 1) * (1 + 0.2 * torch.rand(200, 2, generator=generator))
    found = dimension_clusters(sides, torch.Generator().manual_seed(3))
    start = sides[torch.randperm(200, generator=torch.Generator().manual_seed(3))[:ANCHORS]]
    shared = torch.minimum(sides[:, None], found).prod(-1)
    overlap = shared / (sides.prod(-1, keepdim=True) + found.prod(-1) - shared)
    own = torch.stack([sides[overlap.argmax(1) == k].mean(0) for k in range(ANCHORS)])
    torch.testing.assert_close(found, own)
    assert found.prod(1).diff().min() > 0
    assert overlap.amax(1).mean() > shape_overlap(sides, start).amax(1).mean() + 0.05


def test_a_detector_is_cut_as_its_backbone_is_and_reads_its_weights(tmp_path: Path) -> None:
    target = keyhole.load_target("yolov2:resnet18", size=64)
    pictures = target.preprocess(torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        whole = target.model(pictures)
        for cut, crossing in (("layer2", ["layer2.1"]), ("L12", ["layer3.1"]), ("layer4", ["layer3.1", "layer4.1"])):
            parts = keyhole.split(target, cut)
            assert [tensor.name for tensor in parts.plan.tensors] == crossing
            assert same_bits(parts.tail(parts.head(pictures)), whole)
    state = {name: value.clone().contiguous() for name, value in target.model.state_dict().items()}
    state["head.predict.bias"] += 1
    save_file(state, str(tmp_path / "own.safetensors"))
    own = keyhole.load_target("yolov2:resnet18", weights=tmp_path / "own.safetensors", size=64)
    assert own.hash != target.hash
    with pytest.raises(TargetError, match="multiples of 32"):
        keyhole.load_target("yolov2:resnet18", size=100)
