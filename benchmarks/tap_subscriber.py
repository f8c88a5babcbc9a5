"""Subscriber of the tap that reads one frame a second: ``tap_subscriber.py ADDRESS TOKEN``."""

from __future__ import annotations

import sys
import time

from keyhole.v1 import tap_pb2, tap_pb2_grpc
from keyhole.wire.channels import connect
from keyhole.wire.server import TOKEN_KEY

address, token = sys.argv[1:]
with connect(address) as channel:
    stub = tap_pb2_grpc.TapStub(channel)
    for _ in stub.Subscribe(tap_pb2.SubscribeRequest(), metadata=((TOKEN_KEY, token),)):
        time.sleep(1)
