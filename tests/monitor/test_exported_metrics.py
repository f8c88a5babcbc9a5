"""What a monitor exports to Prometheus."""

from __future__ import annotations

import grpc
import pytest

from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2 import Score
from monitor.exported_metrics import MonitorMetrics
from monitor.referee import Referee
from monitor.scoring import ScoredReconstruction, scoring_metrics
from tests.monitor.making import guess, outcome, truth
from tests.monitor.ports import Ports


def test_a_thousand_attack_names_make_few_series(ports: Ports) -> None:
    codes = set[grpc.StatusCode]()
    with ports.stubs() as (edge, adversary):
        edge.Witness(truth())
        for number in range(1000):
            try:
                adversary.Submit(guess(attack=f"attack-{number}", final=True))
            except grpc.RpcError as refused:
                codes.add(refused.code())
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    named = next(family for family in ports.metrics.registry.collect() if family.name == "keyhole_ssim")
    assert len({sample.labels["attack"] for sample in named.samples}) == 32


def test_final_scores_and_unmatched_are_exported(ports: Ports) -> None:
    instruments = MonitorMetrics(Metrics("monitor"))
    referee = Referee([instruments])
    referee.witness(truth())
    referee.submit(guess())
    score = referee.submit(guess(noise=0.05, final=True))
    referee.conclude(outcome(dropped="backlog"))
    instruments.unmatched(guess("lost"), "no truth")
    instruments.watch_queues({"store": lambda: 3})
    value = instruments.registry.get_sample_value
    assert value("keyhole_ssim_count", {"attack": "pixels-white", "rung": ""}) == 1
    assert value("keyhole_psnr_db_sum", {"attack": "pixels-white", "rung": ""}) == pytest.approx(score.psnr)
    assert value("keyhole_frames_total", {"outcome": "witnessed"}) == 1
    assert value("keyhole_frames_total", {"outcome": "dropped"}) == 1
    assert value("keyhole_unmatched_total", {"attack": "pixels-white", "reason": "no truth"}) == 1
    assert value("keyhole_queue_depth", {"queue": "store"}) == 3


def test_the_histograms_are_those_of_the_metrics_and_keep_their_names() -> None:
    exported = MonitorMetrics(Metrics("monitor"), scoring_metrics(["l2", "tests.evaluation.own_metric:darkness"]))
    value = exported.registry.get_sample_value
    score = Score(values={"psnr": 21.0, "ssim": 0.62, "l2": 0.01, "tests.evaluation.own_metric:darkness": 0.5})
    exported.judged(ScoredReconstruction(truth(), guess(final=True), score, at=0.0))
    labels = {"attack": "pixels-white", "rung": ""}
    assert value("keyhole_psnr_db_bucket", {**labels, "le": "20.0"}) == 0
    assert value("keyhole_psnr_db_bucket", {**labels, "le": "22.0"}) == 1
    assert value("keyhole_ssim_bucket", {**labels, "le": "0.6"}) == 0
    assert value("keyhole_ssim_bucket", {**labels, "le": "0.65"}) == 1
    assert value("keyhole_l2_sum", labels) == 0.01
    assert value("keyhole_tests_evaluation_own_metric_darkness_count", labels) == 1
