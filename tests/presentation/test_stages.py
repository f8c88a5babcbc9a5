from __future__ import annotations

from keyhole.presentation.stages import STAGES, TOTAL, cloud_stages, in_order, parts, stage
from keyhole.v1.inference_pb2 import CloudTimes


def test_the_names_that_runs_and_dashboards_hold_stay() -> None:
    assert [*STAGES, TOTAL] == [
        "edge_compute",
        "protect",
        "encode",
        "network",
        "cloud_decode",
        "queue",
        "cloud_compute",
        "cloud_encode",
        "decode",
        "total",
    ]


def test_every_time_that_the_cloud_tells_is_a_stage() -> None:
    times = {field.name: number for number, field in enumerate(CloudTimes.DESCRIPTOR.fields, start=1)}
    told = cloud_stages(CloudTimes(**times))
    assert sorted(told.values()) == sorted(times.values())
    assert set(told) < set(STAGES)


def test_stages_come_in_the_order_in_which_they_pass_and_unknown_ones_last() -> None:
    assert in_order(["zz", "total", "decode", "network", "aa"]) == ["network", "decode", "total", "aa", "zz"]
    assert parts(["total", "protect"]) == ["protect"]
    assert stage("zz").title == "zz"
    assert len({each.colour for each in STAGES.values()}) == len(STAGES)
