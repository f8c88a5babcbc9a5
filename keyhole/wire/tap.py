"""The ``Tap`` service without needless copies: the cloud's side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from keyhole.v1 import tap_pb2
from keyhole.wire.packed import PackedFrame
from keyhole.wire.server import Registration

SERVICE = tap_pb2.DESCRIPTOR.services_by_name["Tap"].full_name
TOKEN_KEY = "keyhole-tap-token"
"""Key of the token in a call's metadata."""

Subscribe = Callable[[tap_pb2.SubscribeRequest, grpc.ServicerContext], Iterator[tuple[PackedFrame, int]]]


def tap(subscribe: Subscribe) -> Registration:
    """The service, for ``serve``.

    Args:
        subscribe: yields each frame with the number of frames that the subscriber has lost so far.
    """

    def behaviour(request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext) -> Iterator[bytes]:
        for frame, dropped in subscribe(request, context):
            yield frame.to_tapped(dropped)

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.unary_stream_rpc_method_handler(
            behaviour, request_deserializer=tap_pb2.SubscribeRequest.FromString
        )
    }
    return Registration.of(SERVICE, handlers)
