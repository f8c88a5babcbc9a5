"""Server that benchmarks/wire.py calls, in a process of its own: prints its port and serves until it is ended."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import grpc
import torch

from keyhole.service.memory import keep_freed
from keyhole.service.metrics import Metrics
from keyhole.v1 import inference_pb2
from keyhole.wire.frames import Expectation, PackedAnswer, PackedFrame, validate
from keyhole.wire.limits import MAX_MESSAGE
from keyhole.wire.server import InferenceService, RunningServer, inference_registration, serve
from keyhole.wire.tensors import ExpectedTensor, pack_view

TARGET, MODEL_HASH = "echo", "0" * 16
RAW_SERVICE, RAW_METHOD, COPY_METHOD = "benchmark.Raw", "Echo", "Copy"
WORKERS = 16
LIMITS = (("grpc.max_send_message_length", MAX_MESSAGE), ("grpc.max_receive_message_length", MAX_MESSAGE))


class Echo(InferenceService):
    """Decodes and checks a frame as the cloud does, and returns its tensor. The cut names the shape: ``96x256x256``."""

    def describe(self) -> inference_pb2.DescribeResponse:
        """The model's name alone."""
        return inference_pb2.DescribeResponse(target=TARGET, model_hash=MODEL_HASH)

    def infer(self, frame: PackedFrame, _context: grpc.ServicerContext, _until: float) -> PackedAnswer:
        """The frame's tensor, decoded and encoded again."""
        (tensor,) = validate(frame, expectation(frame.header.cut), share=True)
        return PackedAnswer(frame.header.frame_id, (pack_view(tensor, frame.tensors[0].codec),))


@cache
def expectation(cut: str) -> Expectation:
    """One fp32 tensor of the shape that the cut names."""
    shape = (1, *map(int, cut.split("x")))
    return Expectation(TARGET, MODEL_HASH, cut, (ExpectedTensor("features", shape, torch.float32),))


def infer_server() -> tuple[RunningServer, int]:
    """The product's path, and its port."""
    server = serve([inference_registration(Echo())], "127.0.0.1:0", metrics=Metrics("cloud"))
    return server, server.port


def raw_server() -> tuple[grpc.Server, int]:
    """Bytes with nothing around gRPC, and the port."""
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=LIMITS)
    handlers = {
        RAW_METHOD: grpc.unary_unary_rpc_method_handler(lambda request, _context: request),
        COPY_METHOD: grpc.unary_unary_rpc_method_handler(lambda request, _context: bytes(memoryview(request))),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(RAW_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


SERVERS = {"infer": infer_server, "raw": raw_server}

if __name__ == "__main__":
    keep_freed()
    running, bound = SERVERS[sys.argv[1]]()
    print(bound, flush=True)
    threading.Event().wait()
