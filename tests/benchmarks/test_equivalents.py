"""Reconstructions beside the thumbnails that they equal."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.equivalents import Equivalents, compared, sheet
from keyhole.metrics.registry import METRICS
from keyhole.metrics.thumbnails import shrunk

SSIM = METRICS["ssim"]


@pytest.fixture(scope="module")
def equivalents() -> Equivalents:
    coarse = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    truths = torch.nn.functional.interpolate(coarse, size=32, mode="bicubic").clamp(0, 1)
    grey = truths.mean(dim=0, keepdim=True).expand_as(truths)
    return Equivalents.measure(truths, [SSIM], {"black": 0 * grey, "mean": grey})


def test_the_floor_is_the_best_blind_picture(equivalents: Equivalents) -> None:
    assert equivalents.floors["ssim"][0] == "mean"


def test_a_thumbnail_equals_itself_and_the_blind_picture_nothing(equivalents: Equivalents) -> None:
    thumbnail = equivalents.of(SSIM, shrunk(equivalents.truths, 12))
    assert thumbnail.side == pytest.approx(12)
    shown = equivalents.shown(thumbnail)
    assert shown is not None
    assert torch.equal(shown, shrunk(equivalents.truths, 12))
    assert equivalents.shown(equivalents.of(SSIM, equivalents.blind["mean"])) is None
    assert equivalents.shown(equivalents.of(SSIM, equivalents.truths)) is equivalents.truths


def test_shares_are_compared_picture_by_picture() -> None:
    assert compared(np.array([1.0, 0.5, np.nan, 1, 1, 1]), np.array([0.5, 0, np.nan, 0.5, 0.5, 0.5])) == (
        "90 %; 40 %; +50 [+50, +50]"
    )
    assert compared(np.array([0.5]), None) == "50 %; –; –"
    assert compared(np.array([np.nan]), np.array([np.nan])) == "–"


def test_the_sheet_has_each_reconstruction_beside_its_thumbnail(equivalents: Equivalents) -> None:
    made = {"good, layer1": shrunk(equivalents.truths, 12), "none, layer4": equivalents.blind["mean"]}
    headings = [column.heading for column in sheet(equivalents, made, range(2))]
    assert headings == ["truth", "good\nlayer1", "truth at\n12 px", "none\nlayer4", "blind attacker\nmean"]
    columns = sheet(equivalents, made, range(2))
    assert [tile.caption for tile in columns[0].tiles] == ["", ""]
    assert [tile.caption for tile in columns[1].tiles] == [tile.caption for tile in columns[2].tiles]
