"""Contact sheets of `keyhole attack`."""

from __future__ import annotations

import statistics
from types import SimpleNamespace

import torch
from PIL import Image

from keyhole.evaluation import sheet
from keyhole.evaluation.scores import EvaluationRow, score
from keyhole.evaluation.sheet import Shown, evaluation_sheet, ranked
from keyhole.evaluation.yardstick import Floor, Yardstick, scored_by
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import ThumbnailScale, shrunk
from tests.attacks.tiny import pictures

METRICS = metrics_named(("ssim",))


def test_the_median_is_among_those_shown():
    for count in (1, 2, 5, 6, 9, 32):
        scores = [float(value) for value in torch.randperm(count, generator=torch.Generator().manual_seed(count))]
        shown = [scores[place] for place in ranked(scores, 5)]
        assert shown == sorted(shown, reverse=True)
        assert len(shown) == len(set(shown)) == min(count, 5)
        assert (shown[0], shown[-1]) == (max(scores), min(scores))
        assert statistics.median_high(scores) in shown


def test_a_sheet_has_the_thumbnail_that_equals_the_strongest(monkeypatch):
    made = []
    monkeypatch.setattr(sheet, "contact_sheet", lambda columns: made.extend(columns) or Image.new("RGB", (1, 1)))
    truths = pictures(8, size=32)
    grey = truths.mean(dim=(0, 2, 3)).view(3, 1, 1).expand(3, 32, 32)
    floor = Floor({"flat": grey}, {}, {"flat": score(grey.expand_as(truths), truths, METRICS)}, {}, {})
    yardstick = Yardstick(truths, METRICS, ThumbnailScale.measure(truths, scored_by(METRICS)), floor, None)
    shown = [_shown("blurred", shrunk(truths, 8), yardstick), _shown("grey", grey.expand_as(truths), yardstick)]
    evaluation_sheet(shown, yardstick)
    headings = [column.heading.splitlines() for column in made]
    assert [heading[0] for heading in headings] == [
        "truth, best first for",
        "blurred",
        "grey",
        "truth at 8 px:",
        "blind attacker",
    ]
    assert headings[1][1].startswith("8 px")
    assert headings[2][1] == "nothing"
    assert all(len(column.tiles) == sheet.MOST for column in made)
    assert [tile.caption for tile in made[0].tiles] == ["best", "", "median", "", "worst of 8"]
    for blurred, thumbnail in zip(made[1].tiles, made[3].tiles, strict=True):
        assert blurred.picture.tobytes() == thumbnail.picture.tobytes()
        assert blurred.caption.startswith("8 px")
    assert all(tile.caption.startswith("nothing") for tile in made[2].tiles)


def _shown(name: str, reconstructions: torch.Tensor, yardstick: Yardstick) -> Shown:
    scores = {0: yardstick.scores(reconstructions)}
    plan = SimpleNamespace(cut="stem", alias="")
    row = EvaluationRow(name, plan, scores, None, standing=yardstick.standing(scores, [reconstructions]))
    return Shown(name, row, list(reconstructions))
