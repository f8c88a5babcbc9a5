"""A live cloud: answers, micro-batching across edges, its own durations, its metrics page."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import grpc
import pytest
import torch

from keyhole.partition import partitioned
from keyhole.v1 import inference_pb2, inference_pb2_grpc, tensor_pb2
from keyhole.wire.channels import connect
from keyhole.wire.chunks import to_chunks
from keyhole.wire.client import InferenceClient
from keyhole.wire.codec_registry import CODECS
from keyhole.wire.tensors import unpack
from tests.system.frames import Edge, pictures
from tests.system.running import metrics_page, running_cloud
from tests.waiting import PATIENCE


def output(answer) -> torch.Tensor:
    return unpack(answer.outputs[0], field="outputs[0]")


def test_it_describes_what_it_runs(channel, edge):
    described = InferenceClient(channel).describe(30)
    assert described.target == edge.device.target.name
    assert described.model_hash == edge.device.target.hash
    assert described.cut == "block.first"
    assert [list(spec.shape) for spec in described.tensors] == [[1, 8, 16, 16], [1, 8, 16, 16]]
    assert list(described.outputs[0].shape) == [1, 5]
    assert "star" in described.labels
    assert set(described.codecs) == set(CODECS)


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_the_answer_is_the_whole_models(channel, edge, codec):
    picture = pictures(1)
    answer = InferenceClient(channel).infer(edge.frame(picture[0], codec=codec), timeout=PATIENCE)
    lossless = codec in (tensor_pb2.CODEC_FP32, tensor_pb2.CODEC_FP32_ZSTD)
    torch.testing.assert_close(
        output(answer), edge.whole(picture), **({} if lossless else {"rtol": 0.02, "atol": 0.02})
    )
    assert answer.batch == 1


def test_a_stream_answers_in_the_order_of_its_frames(channel, edge):
    batch = pictures(4)
    messages = []
    for number, picture in enumerate(batch):
        frame = edge.frame(picture, str(number)).message()
        start = inference_pb2.FrameChunk.Start(
            header=frame.header,
            tensors=[tensor_pb2.Tensor(spec=tensor.spec, codec=tensor.codec) for tensor in frame.tensors],
            payload_bytes=[len(tensor.payload) for tensor in frame.tensors],
        )
        messages.append(inference_pb2.FrameChunk(start=start))
        messages += [inference_pb2.FrameChunk(data=tensor.payload) for tensor in frame.tensors]
    answers = list(inference_pb2_grpc.InferenceStub(channel).InferStream(iter(messages), timeout=PATIENCE))
    assert [answer.frame_id for answer in answers] == ["0", "1", "2", "3"]
    torch.testing.assert_close(torch.cat([output(answer) for answer in answers]), edge.whole(batch))


def test_frames_of_several_edges_share_forward_passes_and_get_their_own_answers(live, edge):
    batch = pictures(96)
    expected = edge.whole(batch)
    frames = [edge.frame(picture, str(number)) for number, picture in enumerate(batch)]
    with connect(live.listen) as one, connect(live.listen) as two, ThreadPoolExecutor(16) as pool:
        clients = [InferenceClient(one), InferenceClient(two)]
        answers = list(pool.map(lambda item: clients[item[0] % 2].infer(item[1], 60), enumerate(frames)))
    torch.testing.assert_close(torch.cat([output(answer) for answer in answers]), expected, rtol=1e-4, atol=1e-5)
    assert 1 < max(answer.batch for answer in answers) <= live.max_batch


def test_its_durations_lie_within_the_call(channel, edge):
    client, frame = InferenceClient(channel), edge.frame(pictures(1)[0])
    client.infer(frame, 30)
    started = time.perf_counter()
    answer = client.infer(frame, 30)
    elapsed = time.perf_counter() - started
    times = answer.times
    parts = [times.decode, times.queue, times.compute, times.encode]
    assert all(seconds > 0 for seconds in parts)
    assert sum(parts) < elapsed


def test_a_call_that_is_already_late_is_not_answered(channel, edge):
    with pytest.raises(grpc.RpcError) as late:
        InferenceClient(channel).infer(edge.frame(pictures(1)[0]), timeout=-1.0)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_its_metrics_page_counts_calls_frames_and_stages(live, channel, edge):
    InferenceClient(channel).infer(edge.frame(pictures(1)[0]), 30)
    page = metrics_page(live)
    for line in (
        'keyhole_rpc_total{code="OK",method="/keyhole.v1.Inference/Infer"}',
        'keyhole_frames_total{outcome="answered"}',
        'keyhole_stage_seconds_count{stage="cloud_compute"}',
        'keyhole_stage_seconds_count{stage="queue"}',
        'keyhole_queue_depth{queue="tail"} 0.0',
        'keyhole_queue_depth{queue="tap"} 0.0',
        "keyhole_tap_dropped_total",
    ):
        assert line in page


def test_running_calls_are_answered_while_it_stops(quiet_address):
    edge = Edge()
    frame = edge.frame(pictures(1)[0])
    outcomes = []

    def send(client: InferenceClient) -> None:
        while True:
            try:
                outcomes.append(client.infer(frame, PATIENCE).frame_id)
            except grpc.RpcError as error:
                outcomes.append(error.code())
                return

    address = str(quiet_address())
    with connect(address) as channel:
        senders = [threading.Thread(target=send, args=(InferenceClient(channel),)) for _ in range(4)]
        with running_cloud(listen=address):
            for sender in senders:
                sender.start()
            while len(outcomes) < 20:
                time.sleep(0.01)
        for sender in senders:
            sender.join(PATIENCE)
    assert set(outcomes) <= {"edge-0-1", grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


@pytest.fixture
def gated(monkeypatch):
    """A cloud's tail that waits for its gate: both events of it, that it has begun and that it may go on."""
    begun, gate = threading.Event(), threading.Event()

    def held(settings):
        target, partition = partitioned(settings)

        def tail(features):
            begun.set()
            assert gate.wait(PATIENCE)
            return partition.tail(features)

        return target, SimpleNamespace(plan=partition.plan, tail=tail)

    monkeypatch.setattr("cloud.process.partitioned", held)
    yield begun, gate
    gate.set()


def test_a_frame_that_the_tail_has_begun_is_answered_while_the_cloud_stops(gated, edge):
    begun, gate = gated
    frame, answers = edge.frame(pictures(1)[0]), []
    with ExitStack() as afterwards:
        with running_cloud() as service:
            client = InferenceClient(afterwards.enter_context(connect(service.listen)))
            sender = threading.Thread(target=lambda: answers.append(client.infer(frame, PATIENCE).frame_id))
            sender.start()
            assert begun.wait(PATIENCE)
            threading.Timer(0.5, gate.set).start()
        sender.join(PATIENCE)
    assert answers == [frame.header.frame_id]


def test_a_deadline_ends_the_wait_for_the_tail(gated, edge):
    begun, gate = gated
    with running_cloud() as service, connect(service.listen) as channel:
        with pytest.raises(grpc.RpcError) as late:
            InferenceClient(channel).infer(edge.frame(pictures(1)[0]), 1.0)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert begun.is_set()
        gate.set()


def test_a_call_without_a_deadline_is_answered(channel, edge):
    frame = edge.frame(pictures(1)[0])
    assert inference_pb2_grpc.InferenceStub(channel).Infer(frame.message()).frame_id == frame.header.frame_id


def test_a_clock_that_is_set_back_leaves_a_stream_its_deadline(gated, edge, monkeypatch):
    """The place of a call whose caller has gone is free again, although the tail has not run."""
    _, gate = gated
    frame, later, now = edge.frame(pictures(1)[0]), threading.Event(), time.time
    name, line = "/keyhole.v1.Inference/InferStream", 'keyhole_rpc_total{code="DEADLINE_EXCEEDED",method="%s"} 1.0'

    def chunks():
        yield from to_chunks(frame)
        assert later.wait(PATIENCE)
        yield from to_chunks(frame)

    with running_cloud() as service, connect(service.listen) as channel:
        answers = channel.stream_stream(name)(chunks(), timeout=4)
        gate.set()
        assert next(answers)
        gate.clear()
        monkeypatch.setattr(time, "time", lambda: now() - 3600)
        later.set()
        with pytest.raises(grpc.RpcError):
            next(answers)
        end = time.monotonic() + PATIENCE
        while line % name not in metrics_page(service):
            assert time.monotonic() < end
            time.sleep(0.05)
        gate.set()
