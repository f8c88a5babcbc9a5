"""Tables and JSON of an evaluation, and the published figures beside them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from keyhole.attacks.registry import ATTACKS, choose
from keyhole.evaluation.against import Against
from keyhole.evaluation.document import document
from keyhole.evaluation.judged import ReadShare
from keyhole.evaluation.published import PUBLISHED, published
from keyhole.evaluation.report import table
from keyhole.evaluation.scores import EvaluationRow, Standing
from keyhole.evaluation.settings import OfflineSettings
from keyhole.evaluation.yardstick import Floor
from keyhole.judge.legibility import DRIVER, PLATE, VEHICLE
from keyhole.metrics.interval import Mean
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import Thumbnail
from keyhole.terminal import terminal


def scored(psnr, ssim, eq14):
    return {"psnr": psnr, "ssim": ssim, "eq14": eq14}


@pytest.mark.parametrize("attack_name", ["pixels-white", "diffusion-white"])
def test_published_figures_stand_beside_nothing_but_their_setting(attack_name):
    where = {"target": "resnet18", "weights": "pretrained", "source": "imagenet:/data", "prior": "/sd"}
    target = SimpleNamespace(name="torchvision:resnet18", preprocess=SimpleNamespace(size=224))
    choice = choose(attack_name, "paper", ATTACKS)
    same = OfflineSettings(**where)
    assert published(choice, same, target, "L8") is PUBLISHED[attack_name]["resnet18", "L8"]
    for other in (
        {"weights": None},
        {"weights": "mine.pt"},
        {"source": "streetcam"},
        {"defence": "gaussian:scale=1"},
        {"codec": "int8"},
        {"frames": 2},
        *([{"prior": "streetcam"}] if attack_name == "diffusion-white" else []),
    ):
        assert published(choice, replace(same, **other), target, "L8") is None
    assert published(choose(attack_name, "strong", ATTACKS), same, target, "L8") is None
    assert published(choice, same, target, "L7") is None
    for name, size in (("resnet18", 128), ("resnet18-tinyimagenet", 224), ("timm:resnet18", 224)):
        changed = SimpleNamespace(name=name, preprocess=SimpleNamespace(size=size))
        assert published(choice, same, changed, "L8") is None


def test_a_table_has_published_figures_where_there_are_some():
    scores = [scored(20.0 + step, 0.5, 30.0) for step in range(5)]
    row = EvaluationRow("pixels-white", SimpleNamespace(cut="layer2.1", alias="L8"), {0: scores}, None)
    compared = replace(row, published=PUBLISHED["pixels-white"]["resnet18", "L8"])
    for rows, columns in (([row], 5), ([row, compared], 6)):
        made = table("a table", rows)
        assert len(made.columns) == columns
        assert next(iter(made.columns[3].cells)) == "22.00\n[20.20, 23.80]"
    few = table("a table", [replace(row, by_seed={0: scores[:4]})])
    assert list(few.columns[3].cells) == ["21.50"]


def test_the_widest_table_fits_80_columns_whole(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    scores = [scored(20.0 + step, 0.5 + step / 100, 30.0 + step) for step in range(5)]
    paper = PUBLISHED["pixels-white"]["resnet18", "L8"]
    plan = SimpleNamespace(cut="layer2.1", alias="L8")
    row = EvaluationRow("diffusion-white/refined-guided", plan, {0: scores, 1: scores}, paper, passes=12345)
    terminal().print(table("a table", [row, replace(row, published=None)]))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for part in (
        "diffusion-white",
        "/refined-guided",
        "layer2.1",
        "22.00",
        "23.80]",
        "0.520",
        "paper 0.58",
        "12345",
    ):
        assert part in printed


@pytest.mark.parametrize("compared", [False, True])
def test_with_all_secrets_it_fits_too(capsys, monkeypatch, compared):
    monkeypatch.setenv("COLUMNS", "80")
    scores = [scored(20.0 + step, 0.5 + step / 100, 30.0 + step) for step in range(32)]
    guessed = ReadShare(0.44, (0.01, 0.58), 0.44, 20, 192, 32)
    read = {PLATE: guessed, DRIVER: guessed, VEHICLE: replace(guessed, interval=(0.5, 0.58))}
    standing = Standing({"ssim": Thumbnail(20.3, (17.0, 24.4), 128)}, {"ssim": Mean(0.2, (0.1, 0.3))}, read)
    plan = SimpleNamespace(cut="layer2.1", alias="L8")
    row = EvaluationRow("diffusion-white/refined-guided", plan, {0: scores}, None, passes=12345, standing=standing)
    floor = Floor({"flat": torch.zeros(3, 8, 8)}, {}, {"flat": scores}, {}, {"flat": read})
    against = Against.named("blind", [row], ["layer2"]) if compared else None
    terminal().print(table("a table", [row], metrics_named(("ssim", "psnr")), floor, against))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    parts = ("/refined-guided", "layer2.1", "glyphs", "driver", "vehicle", "guessing", "58]", "20 px", "nothing")
    for part in (*parts, "38.88]", "0.689]", *(("0.300]",) if compared else ())):
        assert part in printed
    assert "a table, 32 pictures" in printed


def test_json_holds_no_infinity():
    exact = [scored(math.inf, 1.0, math.inf), scored(20.0, 0.5, 30.0)]
    row = EvaluationRow("pixels-white", SimpleNamespace(cut="layer2.1", alias="L8"), {0: exact}, None)
    (written,) = json.loads(json.dumps(document({}, [row]), allow_nan=False))["rows"]
    assert (written["psnr_mean"], written["ssim_mean"]) == (None, 0.75)
    assert [one["psnr"] for one in written["pictures"]] == [None, 20.0]


def test_published_rows_are_those_of_the_paper():
    assert PUBLISHED["pixels-white"]["resnet18", "L4"].ssim == 0.87
    assert PUBLISHED["pixels-black"]["resnet18", "L8"].ssim == 0.40
    assert PUBLISHED["decoder-white"]["resnet18", "L12"].eq14 == 18.6
    assert PUBLISHED["diffusion-white"]["vit_b_16", "L5"].ssim == 0.91
    assert PUBLISHED["decoder-black"]["resnet50", "L36"].eq14 == 12.3
    assert PUBLISHED["diffusion-black"]["resnet18", "L12"].ssim == 0.46
