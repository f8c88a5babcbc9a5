"""Dynamic micro-batching: what is batched, who waits, and that the answers do not depend on it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest
import torch
from torch import nn

from cloud.inference import Batcher
from tests.waiting import PATIENCE

MAX_WAIT = 0.5


class Tail:
    """A tail that records its batches and can be held."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, features):
        self.batches.append(features[0].shape[0])
        self.entered.set()
        self.gate.wait()
        return features[0].flatten(1).sum(1, keepdim=True)


@pytest.fixture
def tail():
    return Tail()


@pytest.fixture
def batcher(tail):
    batcher = Batcher(tail, max_batch=4, max_wait=MAX_WAIT)
    yield batcher
    tail.gate.set()
    batcher.close()


@pytest.fixture
def patient(tail):
    """A batcher that would wait for hours."""
    batcher = Batcher(tail, max_batch=4, max_wait=10_000.0)
    yield batcher
    batcher.close()


def submit(batcher, value):
    with batcher.announce() as send:
        return send((torch.full((1, 2), float(value)),))


def hold(batcher, tail):
    """Keep the worker busy with a first frame; returns its future."""
    tail.gate.clear()
    first = submit(batcher, 0)
    assert tail.entered.wait(PATIENCE)
    return first


def test_a_lone_frame_does_not_wait(patient):
    result = submit(patient, 3).result(60)
    assert result.output.tolist() == [[6.0]]
    assert result.batch == 1


def test_what_queues_up_while_the_worker_is_busy_shares_the_next_batch(batcher, tail):
    first = hold(batcher, tail)
    rest = [submit(batcher, value) for value in (1, 2, 3)]
    tail.gate.set()
    assert first.result(5).batch == 1
    assert [future.result(5).output.item() for future in rest] == [2.0, 4.0, 6.0]
    assert tail.batches == [1, 3]


def test_a_batch_never_exceeds_its_bound_and_keeps_the_order(batcher, tail):
    hold(batcher, tail)
    rest = [submit(batcher, value) for value in range(1, 7)]
    tail.gate.set()
    assert [future.result(5).output.item() for future in rest] == [2.0 * value for value in range(1, 7)]
    assert tail.batches == [1, 4, 2]


def test_a_frame_waits_for_one_that_is_announced(batcher, tail):
    with batcher.announce() as send:
        early = submit(batcher, 1)
        time.sleep(0.05)
        assert not early.done()
        late = send((torch.full((1, 2), 2.0),))
    assert (early.result(5).output.item(), late.result(5).output.item()) == (2.0, 4.0)
    assert tail.batches == [2]


def test_an_announced_frame_that_never_comes_delays_by_the_longest_wait_only(batcher):
    with batcher.announce():
        assert submit(batcher, 1).result(60).queue >= 0.9 * MAX_WAIT


def test_an_announcement_that_comes_to_nothing_releases_the_others(patient):
    with patient.announce():
        early = submit(patient, 1)
    assert early.result(60).batch == 1


def test_an_error_in_the_tail_reaches_its_frames_and_spares_the_next():
    def tail(features):
        if features[0].isnan().any():
            raise RuntimeError("out of memory")
        return features[0]

    batcher = Batcher(tail, max_batch=4, max_wait=0.01)
    with pytest.raises(RuntimeError, match="out of memory"):
        submit(batcher, float("nan")).result(5)
    assert submit(batcher, 1).result(5).output.tolist() == [[1.0, 1.0]]
    batcher.close()


def test_a_cancelled_frame_is_not_computed(batcher, tail):
    hold(batcher, tail)
    cancelled, kept = submit(batcher, 1), submit(batcher, 2)
    assert cancelled.cancel()
    tail.gate.set()
    assert kept.result(5).output.item() == 4.0
    with pytest.raises(CancelledError):
        cancelled.result(5)
    assert tail.batches == [1, 1]


def test_closing_finishes_what_waits_and_refuses_the_rest(batcher, tail):
    hold(batcher, tail)
    waiting = submit(batcher, 1)
    threading.Timer(0.05, tail.gate.set).start()
    batcher.close()
    assert waiting.result(0).output.item() == 2.0
    with pytest.raises(RuntimeError, match="shutting down"):
        submit(batcher, 2)


def test_the_depth_is_reported(tail):
    depths: list[int] = []
    batcher = Batcher(tail, max_batch=2, max_wait=0.01, depth=depths.append)
    hold(batcher, tail)
    rest = [submit(batcher, value) for value in (1, 2)]
    tail.gate.set()
    for future in rest:
        future.result(5)
    batcher.close()
    assert max(depths) == 2
    assert depths[-1] == 0


def test_the_tail_gets_copies_also_of_a_lone_frame():
    batcher = Batcher(lambda features: features[0].add_(1), max_batch=4, max_wait=0.01)
    features = (torch.zeros(1, 3),)
    with batcher.announce() as send:
        output = send(features).result(5).output
    batcher.close()
    assert output.tolist() == [[1.0, 1.0, 1.0]]
    assert features[0].tolist() == [[0.0, 0.0, 0.0]]


def test_batched_answers_equal_single_ones_within_float_tolerance():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5)).eval()
    sizes = []

    def tail(features):
        sizes.append(len(features[0]))
        return model(torch.cat(features, dim=1))

    frames = [(torch.randn(1, 2, 8, 8), torch.randn(1, 4, 8, 8)) for _ in range(40)]
    batcher = Batcher(tail, max_batch=8, max_wait=0.01)

    def send(frame):
        with batcher.announce() as submit_frame:
            return submit_frame(frame)

    results = [future.result(10) for future in [send(frame) for frame in frames]]
    batcher.close()
    with torch.inference_mode():
        for frame, result in zip(frames, results, strict=True):
            torch.testing.assert_close(result.output, model(torch.cat(frame, dim=1)), rtol=1e-4, atol=1e-5)
    assert max(sizes) > 1
    assert max(sizes) <= 8
