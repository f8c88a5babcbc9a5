"""The Inference service over real sockets: good calls, every bad one, and the server's life after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
import pytest
import torch

from keyhole.v1 import inference_pb2, inference_pb2_grpc, tensor_pb2
from keyhole.wire.chunks import to_chunks
from keyhole.wire.client import InferenceClient
from keyhole.wire.errors import explain, violations
from keyhole.wire.frames import PackedFrame, pack_frame
from keyhole.wire.limits import MAX_MESSAGE, UNARY_LIMIT
from keyhole.wire.tensors import ExpectedTensor, pack, unpack
from tests.waiting import PATIENCE

INVALID, UNMET = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
Change = Callable[[inference_pb2.Frame], object]


@pytest.fixture
def frame(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> PackedFrame:
    return pack_frame(header, tensors, tensor_pb2.CODEC_FP32)


@pytest.fixture
def stub(cloud: Any) -> inference_pb2_grpc.InferenceStub:
    return inference_pb2_grpc.InferenceStub(cloud.channel)


def chunks(frame: PackedFrame) -> Iterator[inference_pb2.FrameChunk]:
    return map(inference_pb2.FrameChunk.FromString, to_chunks(frame))


def test_describe(cloud: Any) -> None:
    assert InferenceClient(cloud.channel).describe(PATIENCE).cut == "layer2"


def test_our_client_gets_its_answer(cloud: Any, frame: PackedFrame, tensors: list[torch.Tensor]) -> None:
    answer = InferenceClient(cloud.channel).infer(frame, PATIENCE)
    assert answer.frame_id == "edge-0-1"
    assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), tensors[0])


def test_a_standard_client_gets_its_answer(
    stub: inference_pb2_grpc.InferenceStub, header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]
) -> None:
    message = inference_pb2.Frame(header=header, tensors=[pack(t, tensor_pb2.CODEC_FP32) for t in tensors])
    answer = stub.Infer(message, timeout=PATIENCE)
    assert answer.frame_id == header.frame_id
    assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), tensors[0])


def test_a_standard_client_may_stream_several_frames(
    stub: inference_pb2_grpc.InferenceStub, frame: PackedFrame, tensors: list[torch.Tensor]
) -> None:
    frames = [replace(frame, header=inference_pb2.FrameHeader()) for _ in range(3)]
    for index, each in enumerate(frames):
        each.header.CopyFrom(frame.header)
        each.header.frame_id = f"edge-0-{index}"
    answers = list(stub.InferStream((chunk for each in frames for chunk in chunks(each)), timeout=PATIENCE))
    assert [answer.frame_id for answer in answers] == ["edge-0-0", "edge-0-1", "edge-0-2"]
    assert torch.equal(unpack(answers[2].outputs[0], field="outputs[0]"), tensors[0])


def test_a_standard_server_answers_our_client(frame: PackedFrame, tensors: list[torch.Tensor]) -> None:
    def echo(request: inference_pb2.Frame, _context: object) -> inference_pb2.Answer:
        return inference_pb2.Answer(frame_id=request.header.frame_id, outputs=request.tensors[:1])

    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(
        echo, inference_pb2.Frame.FromString, inference_pb2.Answer.SerializeToString
    )
    handlers = grpc.method_handlers_generic_handler("keyhole.v1.Inference", {"Infer": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = InferenceClient(channel).infer(frame, PATIENCE)
    server.stop(0).wait()
    assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), tensors[0])


def test_large_frames_go_in_chunks(cloud: Any, header: inference_pb2.FrameHeader) -> None:
    tensor = torch.randn(1, UNARY_LIMIT // 4 + 1)
    expected = ExpectedTensor("features", tuple(tensor.shape), torch.float32)
    cloud.echo.expectation = replace(cloud.echo.expectation, tensors=(expected,))
    answer = InferenceClient(cloud.channel).infer(pack_frame(header, [tensor], tensor_pb2.CODEC_FP32), PATIENCE)
    assert torch.equal(unpack(answer.outputs[0], field="outputs[0]"), tensor)
    assert (cloud.calls("Inference/InferStream", "OK"), cloud.calls("Inference/Infer", "OK")) == (1, 0)


def setter(path: str, value: object) -> Change:
    """Assigns a field, given by its path from the frame."""
    *parents, last = path.split(".")

    def change(frame: inference_pb2.Frame) -> None:
        owner: Any = frame
        for name in parents:
            owner = owner[int(name)] if name.isdigit() else getattr(owner, name)
        setattr(owner, last, value)

    return change


def fill(value: float) -> Change:
    """Replaces the first tensor's numbers."""
    tensor = torch.full((1, 4, 3, 3), 1.0)
    tensor[0, 3, 2, 2] = value
    return lambda frame: frame.tensors[0].CopyFrom(pack(tensor, tensor_pb2.CODEC_FP32))


BAD_FRAMES = [
    (setter("header.model_hash", "0" * 16), UNMET, "header.model_hash", "expected '0123456789abcdef'"),
    (setter("header.target", "vgg16"), UNMET, "header.target", "expected 'resnet18'"),
    (setter("header.cut", "layer9"), UNMET, "header.cut", "expected 'layer2'"),
    (setter("header.cut", "x" * 1_000_000), UNMET, "header.cut", "expected 'layer2'"),
    (setter("header.frame_id", ""), INVALID, "header.frame_id", "expected a non-empty id"),
    (lambda frame: frame.ClearField("header"), INVALID, "header.frame_id", "expected a non-empty id"),
    (lambda frame: frame.ClearField("tensors"), INVALID, "tensors", "expected 2 (features, skip), got 0"),
    (lambda frame: frame.tensors.append(frame.tensors[0]), INVALID, "tensors", "got 3"),
    (lambda frame: frame.tensors[0].ClearField("spec"), INVALID, "tensors[0].spec.shape", "expected (1, 4, 3, 3)"),
    (lambda f: f.tensors[0].spec.shape.append(2), INVALID, "tensors[0].spec.shape", "got (1, 4, 3, 3, 2)"),
    (lambda f: f.tensors[0].spec.shape.extend([1] * 9999), INVALID, "tensors[0].spec.shape", "expected (1, 4, 3, 3)"),
    (setter("tensors.1.spec.dtype", 1), INVALID, "tensors[1].spec.dtype", "expected torch.float16"),
    (setter("tensors.0.spec.dtype", 9), INVALID, "tensors[0].spec.dtype", "got 9"),
    (setter("tensors.0.codec", 0), INVALID, "tensors[0].codec", "got 0, which is no codec"),
    (setter("tensors.0.codec", 3), INVALID, "tensors[0].codec", "got bf16"),
    (setter("tensors.0.payload", bytes(143)), INVALID, "tensors[0].payload", "expected 144 bytes"),
    (setter("tensors.0.payload", b""), INVALID, "tensors[0].payload", "got 0"),
    (setter("tensors.0.codec", 5), INVALID, "tensors[0].payload", "zstd frame that holds 144 bytes"),
    (fill(float("nan")), INVALID, "tensors[0].payload", "got 1 of 36 NaN or infinite"),
    (fill(float("inf")), INVALID, "tensors[0].payload", "got 1 of 36 NaN or infinite"),
]


@pytest.mark.parametrize(("change", "code", "field", "reason"), BAD_FRAMES)
def test_bad_frames_are_refused_and_the_server_lives_on(
    cloud: Any, frame: PackedFrame, change: Change, code: grpc.StatusCode, field: str, reason: str
) -> None:
    stub, message = inference_pb2_grpc.InferenceStub(cloud.channel), frame.message()
    change(message)
    with pytest.raises(grpc.RpcError) as unary:
        stub.Infer(message, timeout=PATIENCE)
    with pytest.raises(grpc.RpcError) as stream:
        list(stub.InferStream(chunks(PackedFrame.from_wire(message.SerializeToString())), timeout=PATIENCE))
    for error in (unary.value, stream.value):
        assert isinstance(error, grpc.Call)
        assert error.code() is code
        ((at_fault, why),) = violations(error)
        assert at_fault == field
        assert reason in why
        assert explain(error) == f"{code.name}: {field}: {why}"
    assert stub.Infer(frame.message(), timeout=PATIENCE).frame_id == "edge-0-1"
    assert cloud.calls("Inference/Infer", code.name) == 1
    assert cloud.calls("Inference/InferStream", code.name) == 1


def test_bytes_that_are_no_frame_are_refused(cloud: Any, frame: PackedFrame) -> None:
    call = cloud.channel.unary_unary("/keyhole.v1.Inference/Infer", None, None)
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff" * 100, timeout=PATIENCE)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is INVALID
    assert "expected a serialised keyhole.v1.Frame" in explain(caught.value)
    assert InferenceClient(cloud.channel).infer(frame, PATIENCE)


def test_a_stream_that_ends_within_a_frame_is_refused(cloud: Any, frame: PackedFrame) -> None:
    first, *_ = to_chunks(frame)
    call = cloud.channel.stream_stream("/keyhole.v1.Inference/InferStream", None, None)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(iter([first]), timeout=PATIENCE))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is INVALID


def test_messages_beyond_the_limit_are_refused(cloud: Any, frame: PackedFrame) -> None:
    unlimited = [("grpc.max_send_message_length", -1)]
    with (
        grpc.insecure_channel(str(cloud.server.address), unlimited) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channel.unary_unary("/keyhole.v1.Inference/Infer", None, None)(bytes(MAX_MESSAGE + 1), timeout=PATIENCE)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_MESSAGE) in explain(caught.value)
    assert InferenceClient(cloud.channel).infer(frame, PATIENCE)


def test_frames_beyond_the_limit_are_refused_before_they_are_sent_whole(
    cloud: Any, header: inference_pb2.FrameHeader
) -> None:
    frame = pack_frame(header, [torch.empty(1, MAX_MESSAGE // 4 + 1)], tensor_pb2.CODEC_FP32)
    with pytest.raises(grpc.RpcError) as caught:
        InferenceClient(cloud.channel).infer(frame, PATIENCE)
    assert f"start.payload_bytes: expected at most {MAX_MESSAGE} bytes" in explain(caught.value)


def test_a_crash_in_the_service_is_one_calls_failure(cloud: Any, frame: PackedFrame) -> None:
    crash = inference_pb2.FrameHeader(frame_id="crash")
    with pytest.raises(grpc.RpcError) as caught:
        InferenceClient(cloud.channel).infer(replace(frame, header=crash), PATIENCE)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert cloud.calls("Inference/Infer", "UNKNOWN") == 1
    assert InferenceClient(cloud.channel).infer(frame, PATIENCE)


def test_calls_are_counted_and_timed_by_method_and_code(cloud: Any, frame: PackedFrame) -> None:
    for _ in range(3):
        InferenceClient(cloud.channel).infer(frame, PATIENCE)
    labels = {"method": "/keyhole.v1.Inference/Infer", "code": "OK"}
    assert cloud.calls("Inference/Infer", "OK") == 3
    assert cloud.metrics.registry.get_sample_value("keyhole_rpc_seconds_count", labels) == 3
    assert cloud.metrics.registry.get_sample_value("keyhole_rpc_seconds_sum", labels) > 0
