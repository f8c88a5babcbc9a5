"""Training of a detector, from drawn pictures to a target that the cloud answers boxes with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import keyhole
from keyhole.metrics.detection import BACKEND
from keyhole.service.errors import UsageError
from keyhole.targets import read_card
from keyhole.targets.stored_weights import WEIGHTS, load_weights
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings, TrialSettings
from keyhole.train.trial import trial


def settings(out: Path, **flags: object) -> TrainSettings:
    usual: dict[str, object] = {
        "identities": 12,
        "views": 1,
        "held_out": 3,
        "batch": 4,
        "stages": ("64:1",),
        "workers": 0,
    }
    task = {"task": "detection", "architecture": "yolov2:resnet18", "init": Path("resnet18-streetcam"), "size": 64}
    return TrainSettings(**{"data": "streetcam", "out": out, **task, **usual, **flags})  # type: ignore[arg-type]


def test_only_the_head_is_trained_and_stored(tmp_path: Path) -> None:
    pytest.importorskip(BACKEND)
    assert train(settings(tmp_path / "mine")) == 0
    card = read_card(tmp_path / "mine")
    assert (card.task, card.labels, card.embedding) == ("detection", ("vehicle", "plate", "person", "sign"), None)
    assert card.backbone["target"] == "resnet18-streetcam"
    assert {"mAP", "mAP50", "mAP_blind", "mAP50_other_cameras", "mAP_selection"} <= card.figures.keys()
    assert (card.figures["pictures"], card.figures["selection_pictures"]) == (3, 1)
    stored = load_weights(tmp_path / "mine" / WEIGHTS)
    assert {name.partition(".")[0] for name in stored} == {"head", "detect"}

    target, backbone = keyhole.load_target(str(tmp_path / "mine")), keyhole.load_target("resnet18-streetcam", size=64)
    assert target.labels == card.labels
    picture = target.preprocess(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    ours, theirs = (keyhole.split(each, "layer3").head(picture) for each in (target, backbone))
    assert torch.equal(ours, theirs)

    shared = {"pictures": tmp_path / "mine", "json": tmp_path / "trial.json", "held_out": 3, "views": 1, "workers": 0}
    assert trial(TrialSettings(target=str(tmp_path / "mine"), selection=True, **shared)) == 0  # type: ignore[arg-type]
    told = json.loads((tmp_path / "trial.json").read_text())
    for part, suffix in (("report", ""), ("other cameras", "_other_cameras"), ("selection", "_selection")):
        assert told[part]["mAP"] == pytest.approx(card.figures[f"mAP{suffix}"], abs=0.01)
    assert told["report"]["mAP50_blind"] == pytest.approx(card.figures["mAP50_blind"], abs=0.01)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"data": "elsewhere"}, "boxes of streetcam"),
        ({"init": None}, "--init resnet18-streetcam"),
        ({"architecture": "resnet18"}, "--architecture yolov2:resnet18"),
        ({"task": "classification", "init": None}, "--task detection"),
        ({"stages": ("32:1", "64:1")}, "one stage"),
    ],
)
def test_what_it_cannot_do_it_says_before_anything_is_drawn(
    tmp_path: Path, flags: dict[str, object], told: str
) -> None:
    pytest.importorskip(BACKEND)
    with pytest.raises(UsageError, match=told):
        train(settings(tmp_path / "mine", **flags))
    assert not list(tmp_path.glob("mine/boxed-*"))
