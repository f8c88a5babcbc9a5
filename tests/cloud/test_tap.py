"""The tap's queue: bounded, oldest first to go, never in the victim's way."""

from __future__ import annotations

import threading
import time

import grpc
import pytest

from cloud.tap import Subscription, Tap
from keyhole.v1 import inference_pb2, tap_pb2
from keyhole.wire.errors import WireError
from keyhole.wire.frames import PackedFrame
from keyhole.wire.server import TOKEN_KEY
from tests.waiting import PATIENCE, wait_until

TOKEN = "s3cret"


class Context:
    """The part of a call that the tap uses."""

    def __init__(self, metadata=((TOKEN_KEY, TOKEN),)) -> None:
        self._metadata = metadata
        self._callbacks = []

    def invocation_metadata(self):
        return self._metadata

    def add_callback(self, callback):
        self._callbacks.append(callback)
        return True

    def peer(self):
        return "ipv4:127.0.0.1:1"

    def leave(self):
        for callback in self._callbacks:
            callback()


def frame(number: int) -> PackedFrame:
    return PackedFrame(inference_pb2.FrameHeader(frame_id=str(number)), ())


def subscribed(tap: Tap, context: Context, queue: int = 0):
    """An iterator of frame ids and losses that is already in the tap's list."""
    stream = tap.subscribe(tap_pb2.SubscribeRequest(queue=queue), context)
    received: list[tuple[str, int]] = []

    def read():
        received.extend((item.header.frame_id, lost) for item, lost in stream)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wait_until(lambda: len(tap) > 0)
    return reader, received


def test_a_full_queue_loses_its_oldest_frames_and_counts_them():
    subscription = Subscription(3)
    kept = [subscription.offer(frame(number)) for number in range(5)]
    assert kept == [True, True, True, False, False]
    stream = iter(subscription)
    assert [(item.header.frame_id, lost) for item, lost in (next(stream) for _ in range(3))] == [
        ("2", 2),
        ("3", 2),
        ("4", 2),
    ]


def test_subscribers_receive_every_frame_in_order():
    tap, context = Tap(TOKEN, 8), Context()
    reader, received = subscribed(tap, context)
    for number in range(5):
        tap.publish(frame(number))
    wait_until(lambda: len(received) == 5)
    context.leave()
    reader.join(PATIENCE)
    assert received == [(str(number), 0) for number in range(5)]
    assert (len(tap), tap.depth()) == (0, 0)


def test_losses_are_reported_for_each_subscriber_and_in_all():
    lost = []
    tap = Tap(TOKEN, 2, dropped=lambda: lost.append(1))
    stuck = tap.subscribe(tap_pb2.SubscribeRequest(), Context())
    threading.Thread(target=lambda: next(stuck), daemon=True).start()
    wait_until(lambda: len(tap) == 1)
    tap.publish(frame(0))
    wait_until(lambda: tap.depth() == 0)
    for number in range(1, 8):
        tap.publish(frame(number))
    assert len(lost) == 5
    assert tap.depth() == 2
    assert next(stuck)[1] == 5


def test_publishing_never_waits_for_a_subscriber():
    tap = Tap(TOKEN, 4)
    for _ in range(3):
        stuck = tap.subscribe(tap_pb2.SubscribeRequest(), Context())
        threading.Thread(target=lambda stream=stuck: next(stream), daemon=True).start()
    wait_until(lambda: len(tap) == 3)
    started = time.perf_counter()
    for number in range(10_000):
        tap.publish(frame(number))
    assert (time.perf_counter() - started) / 10_000 < 1e-3


@pytest.mark.parametrize(("asked", "held"), [(2, 2), (1000, 4), (0, 4)])
def test_a_subscriber_may_ask_for_a_shorter_queue_but_not_a_longer_one(asked, held):
    tap = Tap(TOKEN, 4)
    stuck = tap.subscribe(tap_pb2.SubscribeRequest(queue=asked), Context())
    threading.Thread(target=lambda: next(stuck), daemon=True).start()
    wait_until(lambda: len(tap) == 1)
    tap.publish(frame(0))
    wait_until(lambda: tap.depth() == 0)
    for number in range(1, 50):
        tap.publish(frame(number))
    assert tap.depth() == held


def test_closing_ends_running_streams_and_those_that_come_later():
    tap = Tap(TOKEN, 4)
    reader, _ = subscribed(tap, Context())
    tap.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert list(tap.subscribe(tap_pb2.SubscribeRequest(), Context())) == []


@pytest.mark.parametrize(
    ("token", "metadata", "reason"),
    [
        (None, ((TOKEN_KEY, TOKEN),), "the tap is off"),
        (TOKEN, (), "no token"),
        (TOKEN, ((TOKEN_KEY, "S3cret"),), "wrong token"),
        (TOKEN, ((TOKEN_KEY, ""),), "wrong token"),
        (TOKEN, ((TOKEN_KEY, "s3cretx"),), "wrong token"),
        (TOKEN, ((TOKEN_KEY, b"\xff\xfe"),), "wrong token"),
    ],
)
def test_only_the_token_opens_the_tap(token, metadata, reason):
    tap = Tap(token, 4)
    with pytest.raises(WireError, match=reason) as refusal:
        next(tap.subscribe(tap_pb2.SubscribeRequest(), Context(metadata)))
    assert refusal.value.code is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.value.field == TOKEN_KEY
    assert len(tap) == 0
