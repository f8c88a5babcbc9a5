from __future__ import annotations

import pytest

from keyhole.bench.axes import LatencyCell, LeakCell, plan_cells
from keyhole.bench.forecast import CostForecast, RemainingTime
from keyhole.bench.plan import resolve
from keyhole.bench.settings import PlanSettings


@pytest.fixture(scope="module")
def plan():
    links = ("none", "3g", "none@30x")
    return resolve(PlanSettings(targets=("tests.system.tiny_target:tiny@stem,block",), links=links))


def test_every_cell_of_a_plan_has_a_guess_and_a_slow_link_or_edge_a_longer_one(plan):
    forecast = CostForecast.measured(plan)
    cells = plan_cells(plan.axes)
    assert all(forecast.seconds(cell) > 0 for cell in cells)
    far, slow, quick = (
        sum(forecast.seconds(cell) for cell in cells if isinstance(cell, LatencyCell) and cell.link == link)
        for link in ("3g", "none@30x", "none")
    )
    assert far > quick
    assert slow > quick


def test_a_training_before_the_first_frame_is_part_of_the_guess():
    names = ("query-free", "decoder-white/refined", "decoder-white")
    plan = resolve(PlanSettings(targets=("tests.system.tiny_target:tiny@stem",), attacks=names))
    forecast = CostForecast(plan, dict.fromkeys(plan.models, 0.5))
    found = {cell.attack: forecast.seconds(cell) for cell in plan_cells(plan.axes) if isinstance(cell, LeakCell)}
    shadow = plan.attacks["query-free"]
    assert found["query-free"] > shadow.recipe.prepares * shadow.preparing.forwards * 0.5 > 1000
    assert found["decoder-white/refined"] > 2 * found["decoder-white"]


def test_the_time_left_follows_the_cells_of_the_same_kind(plan):
    forecast = CostForecast.measured(plan)
    cells = [cell for cell in plan_cells(plan.axes) if isinstance(cell, LeakCell)]
    white = [cell for cell in cells if cell.attack == "pixels-white"]
    black = [cell for cell in cells if cell.attack == "pixels-black"]
    remaining = RemainingTime(forecast, workers=1)
    before = remaining.seconds(black)
    remaining.count(white[0], 10 * forecast.seconds(white[0]))
    assert remaining.seconds(white) == pytest.approx(10 * sum(map(forecast.seconds, white)))
    assert remaining.seconds(black) == before


def test_workers_share_everything_but_latencies(plan):
    forecast = CostForecast.measured(plan)
    cells = plan_cells(plan.axes)
    timed = [cell for cell in cells if isinstance(cell, LatencyCell)]
    others = [cell for cell in cells if not isinstance(cell, LatencyCell)]
    one, four = (RemainingTime(forecast, workers) for workers in (1, 4))
    assert four.seconds(timed) == one.seconds(timed)
    assert four.seconds(others) == pytest.approx(one.seconds(others) / 4)
