from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from keyhole.metrics.interval import mean_interval
from keyhole.service.errors import UsageError
from monitor.history import read_history
from monitor.referee import Referee
from monitor.report import write_report
from monitor.store import RunStore
from monitor.summary import latency, summarise
from tests.monitor.making import guess, mean_square, outcome, pixels, truth, worse

NOISE = {"pixels-white": (0.30, 0.10, 0.20, 0.05, 0.15), "pixels-black": (0.25, 0.40)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Six frames: five answered, one dropped; five attacked by one attack, two by another; one guess unmatched."""
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    for number in range(6):
        frame_id = f"edge-0-{number}"
        referee.witness(truth(frame_id, scene=number))
        answered = outcome(frame_id, total=0.1 + 0.01 * number, network=0.05)
        referee.conclude(outcome(frame_id, dropped="deadline") if number == 5 else answered)
    for attack, levels in NOISE.items():
        for number, noise in enumerate(levels):
            # the best picture comes first; the last one counts
            referee.submit(guess(f"edge-0-{number}", attack, noise=0.001, scene=number))
            referee.submit(guess(f"edge-0-{number}", attack, noise=noise, scene=number, final=True, seconds=2.0))
    referee.submit(guess("lost"))
    referee.close()
    store.close()
    return tmp_path


def _psnr(scene: int, noise: float) -> float:
    return -10 * math.log10(mean_square(pixels(scene), worse(pixels(scene), noise)))


def test_the_figures_are_those_of_an_independent_computation(run: Path) -> None:
    summary = summarise(read_history(run))
    assert (summary.frames_sent, summary.frames_answered, summary.frames_scored) == (6, 5, 5)
    assert (dict(summary.dropped), summary.unmatched) == ({"deadline": 1}, {"monitor ended": 1})
    for attack, levels in NOISE.items():
        expected = [_psnr(scene, noise) for scene, noise in enumerate(levels)]
        found = summary.attacks[attack]
        assert found.n == len(levels)
        assert found.scores["psnr"].mean == pytest.approx(np.mean(expected), abs=1e-3)
        interval = mean_interval(expected)
        assert found.scores["psnr"].interval == (interval and pytest.approx(interval, abs=1e-2))
        assert found.seconds_mean == 2.0
    assert summary.latency_ms["total"].p50 == pytest.approx(120)
    assert summary.latency_ms["total"].p95 is None  # of five frames


def test_what_a_network_cost_before_the_run_is_kept_and_told(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    referee.witness(truth("edge-0-0"))
    made = guess("edge-0-0", "pixels-black", final=True)
    made.queries, made.trained_before = 4096, True
    referee.submit(made)
    referee.submit(guess("edge-0-0", "pixels-white", final=True))
    referee.close()
    store.close()
    told = write_report(tmp_path).as_json()["attacks"]
    assert (told["pixels-black"]["queries"], told["pixels-black"]["trained_before"]) == (4096, True)
    assert (told["pixels-white"]["queries"], told["pixels-white"]["trained_before"]) == (0, False)
    page = (tmp_path / "report.html").read_text()
    assert "4,096, before" in page
    assert "in a training before the run" in page


def test_the_json_has_the_agreed_keys_and_nothing_that_json_lacks(run: Path) -> None:
    told = json.loads(json.dumps(summarise(read_history(run)).as_json(), allow_nan=False))
    assert {"frames_sent", "frames_answered", "frames_scored", "dropped", "attacks", "latency_ms"} <= set(told)
    assert list(told["attacks"]) == ["pixels-white", "pixels-black"]
    assert {"n", "psnr_mean", "ssim_mean"} <= set(told["attacks"]["pixels-white"])
    assert set(told["latency_ms"]["network"]) == {"p50", "p95"}
    assert told["deployment"]["cut"] == "layer2"


def test_frames_of_a_restarted_edge_count_apart(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    for start in (1000.0, 2000.0):
        referee.witness(truth(captured_at=start))
        referee.submit(guess())
    store.close()
    assert summarise(read_history(tmp_path)).attacks["pixels-white"].n == 2


def test_equal_pictures_leave_a_finite_mean(tmp_path: Path) -> None:
    store = RunStore(tmp_path, keep=10)
    referee = Referee([store])
    referee.witness(truth())
    referee.submit(guess(noise=0.0))
    store.close()
    attack = summarise(read_history(tmp_path)).attacks["pixels-white"]
    assert (attack.scores["psnr"].mean, attack.scores["psnr"].interval) == (100.0, None)


def test_an_empty_run_has_a_summary(tmp_path: Path) -> None:
    RunStore(tmp_path, keep=1).close()
    summary = summarise(read_history(tmp_path))
    assert (summary.frames_sent, dict(summary.attacks), summary.deployment) == (0, {}, None)


def test_where_there_is_no_run_the_error_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run at .* with run\.sqlite in it"):
        read_history(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_95th_percentile_needs_twenty_frames() -> None:
    frames = [{"total": 0.001 * number} for number in range(1, 21)]
    assert latency(frames)["total"].p95 == pytest.approx(19.05)
    assert latency(frames[:-1])["total"].p95 is None


def test_stages_come_in_the_order_in_which_they_pass() -> None:
    frame = {"total": 1.0, "zz": 0.1, "network": 0.2, "edge_compute": 0.3, "decode": 0.1}
    assert list(latency([frame])) == ["edge_compute", "network", "decode", "total", "zz"]
