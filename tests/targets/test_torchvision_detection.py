"""torchvision's detectors: cut in their backbones, with weights under torchvision's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models.detection import (
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fcos_resnet50_fpn,
    retinanet_resnet50_fpn,
    ssdlite320_mobilenet_v3_large,
)

import keyhole
from keyhole.partition.cutting import same_bits
from keyhole.targets.architectures import ARCHITECTURES
from keyhole.targets.torchvision_detection import DetectorFamily, SplitDetector

SIZE, CLASSES = 64, 5
BARE = {"weights": None, "weights_backbone": None}


def own(made: nn.Module, path: Path) -> dict[str, torch.Tensor]:
    """Weights of a detector with classes of its own, stored as people store them; its boxes are no longer empty."""
    with torch.no_grad():
        for name, value in made.named_parameters():
            if name.endswith(("cls_logits.bias", "cls_score.bias")):
                value.add_(3.0)
    torch.save(made.state_dict(), path)
    return made.state_dict()


@pytest.mark.parametrize(
    ("name", "factory", "cut"),
    [
        ("ssdlite320_mobilenet_v3_large", ssdlite320_mobilenet_v3_large, "backbone.features.0.4"),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", fasterrcnn_mobilenet_v3_large_320_fpn, "backbone.body.6"),
    ],
)
def test_it_is_cut_in_its_backbone_and_finds_what_torchvision_does(
    tmp_path: Path, name: str, factory: type, cut: str
) -> None:
    torch.manual_seed(0)
    detector = factory(**BARE, num_classes=CLASSES).eval()
    own(detector, tmp_path / "own.pt")
    target = keyhole.load_target(f"detection:{name}", weights=tmp_path / "own.pt", size=SIZE)
    assert target.labels == ()  # the file's classes are not those that torchvision has names for
    shown = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    pictures, parts = target.preprocess(shown), keyhole.split(target, cut)
    transform = detector.transform
    transform.min_size, transform.max_size = (SIZE,), SIZE
    transform.fixed_size = transform.fixed_size and (SIZE, SIZE)
    with torch.no_grad():
        whole = target.model(pictures)
        assert same_bits(parts.tail(parts.head(pictures)), whole)
        theirs = detector(list(shown))
    assert sum(len(found["boxes"]) for found in theirs)
    for ours, found in zip(whole, theirs, strict=True):
        assert torch.equal(ours["labels"], found["labels"])
        torch.testing.assert_close(ours["boxes"], found["boxes"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "factory"), [("retinanet_resnet50_fpn", retinanet_resnet50_fpn), ("fcos_resnet50_fpn", fcos_resnet50_fpn)]
)
def test_names_and_classes_are_those_of_its_weights(name: str, factory: type) -> None:
    family = ARCHITECTURES["detection"]
    assert isinstance(family, DetectorFamily)
    with torch.device("meta"):
        state = factory(**BARE, num_classes=CLASSES).state_dict()
        ours = SplitDetector(factory(**BARE))
    assert ours.state_dict().keys() == state.keys()
    assert family.boxes_of(ours, state) == CLASSES
    assert family.boxes_of(ours, ours.state_dict()) is None
    assert family.facts(name).detects == len(family.labels(name)) == 91
