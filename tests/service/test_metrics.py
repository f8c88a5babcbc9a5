from __future__ import annotations

import urllib.request
from urllib.error import URLError

import pytest

from keyhole.service.address import Address
from keyhole.service.errors import UsageError
from keyhole.service.metrics import Metrics
from tests.waiting import PATIENCE


def page(address: Address) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as response:
        return str(response.read(), "utf-8")


def test_the_page_shows_what_was_counted() -> None:
    metrics = Metrics("cloud")
    metrics.rpc_seconds.labels("/m", "OK").observe(0.003)
    metrics.rpc_total.labels("/m", "OK").inc()
    metrics.stage_seconds.labels("encode").observe(0.01)
    metrics.frames.labels("answered").inc(2)
    metrics.dropped.labels("deadline").inc()
    metrics.queue_depth.labels("batch").set(3)
    metrics.tap_dropped.inc()
    metrics.oracle_queries.inc(8)
    metrics.attack_iterations.labels("pixels-white", "").inc(50)
    metrics.attack_rate.labels("pixels-white", "").set(12.5)
    text = page(metrics.serve("127.0.0.1:0"))
    metrics.close()
    for line in [
        'keyhole_process_info{process="cloud"} 1.0',
        'keyhole_rpc_seconds_bucket{code="OK",le="0.005",method="/m"} 1.0',
        'keyhole_rpc_total{code="OK",method="/m"} 1.0',
        'keyhole_stage_seconds_count{stage="encode"} 1.0',
        'keyhole_frames_total{outcome="answered"} 2.0',
        'keyhole_dropped_total{reason="deadline"} 1.0',
        'keyhole_queue_depth{queue="batch"} 3.0',
        "keyhole_tap_dropped_total 1.0",
        "keyhole_oracle_queries_total 8.0",
        'keyhole_attack_iterations_total{attack="pixels-white",rung=""} 50.0',
        'keyhole_attack_iterations_per_second{attack="pixels-white",rung=""} 12.5',
    ]:
        assert line in text.splitlines()


def test_processes_do_not_share_a_registry() -> None:
    one, other = Metrics("edge"), Metrics("edge")
    one.tap_dropped.inc()
    assert other.registry.get_sample_value("keyhole_tap_dropped_total") == 0


def test_close_ends_the_page() -> None:
    metrics = Metrics("edge")
    address = metrics.serve("127.0.0.1:0")
    metrics.close()
    metrics.close()
    with pytest.raises(URLError):
        page(address)


def test_a_taken_port_is_an_error_that_says_what_to_do() -> None:
    metrics = Metrics("edge")
    address = metrics.serve("127.0.0.1:0")
    with pytest.raises(OSError, match="choose another --metrics address"):
        Metrics("cloud").serve(address)
    metrics.close()


def test_a_wrong_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        Metrics("edge").serve("9090")
