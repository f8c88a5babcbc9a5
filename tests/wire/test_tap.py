from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
import torch

from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2, tap_pb2, tap_pb2_grpc, tensor_pb2
from keyhole.wire.channel import connect
from keyhole.wire.errors import WireError, explain
from keyhole.wire.packed import PackedFrame, pack_frame
from keyhole.wire.server import serve
from keyhole.wire.tap import TOKEN_KEY, tap
from keyhole.wire.tensors import unpack


def test_a_standard_client_reads_the_tap(header: inference_pb2.FrameHeader, tensors: list[torch.Tensor]) -> None:
    frame = pack_frame(header, tensors, tensor_pb2.CODEC_FP32)

    def subscribe(
        request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext
    ) -> Iterator[tuple[PackedFrame, int]]:
        if (TOKEN_KEY, "secret") not in context.invocation_metadata():
            raise WireError(grpc.StatusCode.PERMISSION_DENIED, TOKEN_KEY, "expected the tap's token")
        yield from ((frame, lost) for lost in range(request.queue))

    server = serve([tap(subscribe)], "127.0.0.1:0", metrics=Metrics("cloud"))
    with connect(server.address) as channel:
        stub, request = tap_pb2_grpc.TapStub(channel), tap_pb2.SubscribeRequest(queue=3)
        tapped = list(stub.Subscribe(request, metadata=((TOKEN_KEY, "secret"),), timeout=20))
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.Subscribe(request, timeout=20))
    server.stop(0)
    assert [each.dropped for each in tapped] == [0, 1, 2]
    assert tapped[0].frame.header == header
    assert torch.equal(unpack(tapped[0].frame.tensors[0], field="t"), tensors[0])
    assert explain(caught.value) == f"PERMISSION_DENIED: {TOKEN_KEY}: expected the tap's token"
