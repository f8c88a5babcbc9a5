"""Networks of black boxes in a benchmark's folder."""

from __future__ import annotations

import pytest

from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.bench.axes import LeakCell
from keyhole.bench.measure.leak import RECONSTRUCTIONS, leak
from keyhole.bench.records import Design
from keyhole.evaluation.attackers import FOLDER
from tests.bench.test_measures import sweep


def test_a_cell_that_is_measured_again_trains_nothing_again(tmp_path, monkeypatch):
    at = sweep(tmp_path)
    cell = LeakCell(Design("tests.system.tiny_target:tiny", "stem", "none", "int8"), "pixels-black", 0)
    first = leak(cell, at).record
    kept = tmp_path / RECONSTRUCTIONS
    assert len([*(kept / FOLDER).glob("*/card.json")]) == 1
    for picture in kept.rglob("*.png"):
        picture.unlink()
    monkeypatch.setattr(BlackBoxAttack, "_begin", lambda _: pytest.fail("it trains again"))
    assert leak(cell, at).record.scores == first.scores
