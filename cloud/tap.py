"""The tap: a copy of each frame for whoever holds the token. The victim never waits for it.

Each subscriber has a bounded queue. Publishing appends to it, or replaces its oldest frame and counts the loss; it
never waits for a subscriber. Frames are serialised on the subscriber's own thread.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator

import grpc

from keyhole.v1 import tap_pb2
from keyhole.wire.errors import WireError
from keyhole.wire.frames import PackedFrame
from keyhole.wire.server import TOKEN_KEY

_log = logging.getLogger(__name__)


class Subscription:
    """The frames that wait for one subscriber."""

    def __init__(self, size: int) -> None:
        self._frames: deque[PackedFrame] = deque(maxlen=size)
        self._size = size
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()

    def offer(self, frame: PackedFrame) -> bool:
        """Append ``frame``; False if the oldest had to go for it."""
        with self._changed:
            fits = len(self._frames) < self._size
            self._dropped += not fits
            self._frames.append(frame)
            self._changed.notify()
        return fits

    def close(self) -> None:
        """End the iteration; what still waits is not delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def dropped(self) -> int:
        """Frames lost so far."""
        return self._dropped

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    def __iter__(self) -> Iterator[tuple[PackedFrame, int]]:
        """Frames, oldest first, each with the number lost so far; blocks until closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frames or self._closed)
                if self._closed:
                    return
                item = self._frames.popleft(), self._dropped
            yield item


class Tap:
    """Copies of frames for subscribers that know the token.

    Args:
        token: the secret; None turns the tap off.
        queue: most frames held for a subscriber, which may ask for fewer.
        dropped: called for each frame that a subscriber loses.
    """

    def __init__(self, token: str | None, queue: int, dropped: Callable[[], object] = lambda: None) -> None:
        self._token = token
        self._queue = queue
        self._dropped = dropped
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        """Subscribers now."""
        return len(self._subscriptions)

    def depth(self) -> int:
        """Frames that wait for the slowest subscriber."""
        return max(map(len, self._subscriptions), default=0)

    def publish(self, frame: PackedFrame) -> None:
        """Hand ``frame``, which nobody may change any more, to every subscriber. Never waits for one."""
        for subscription in self._subscriptions:
            if not subscription.offer(frame):
                self._dropped()

    def subscribe(
        self, request: tap_pb2.SubscribeRequest, context: grpc.ServicerContext
    ) -> Iterator[tuple[PackedFrame, int]]:
        """Every frame from now on, with the number lost so far, until the caller leaves or the cloud stops.

        Raises:
            WireError: PERMISSION_DENIED, the tap is off or the token is not the tap's.
        """
        self._admit(context)
        subscription = Subscription(min(request.queue or self._queue, self._queue))
        if not context.add_callback(subscription.close):
            return
        self._add(subscription)
        _log.info("a subscriber taps the frames", extra={"peer": context.peer()})
        try:
            yield from subscription
        finally:
            self._remove(subscription)
            _log.info("a subscriber left the tap", extra={"peer": context.peer(), "dropped": subscription.dropped})

    def close(self) -> None:
        """End all streams, present and future."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription.close()

    def _admit(self, context: grpc.ServicerContext) -> None:
        if self._token is None:
            raise _denied("the tap is off; start the cloud with --tap-token to turn it on")
        given = dict(context.invocation_metadata()).get(TOKEN_KEY)
        if given is None:
            raise _denied(f"no token; send it in the call's metadata as {TOKEN_KEY}")
        if not hmac.compare_digest(given if isinstance(given, bytes) else given.encode(), self._token.encode()):
            raise _denied("wrong token; it must equal the cloud's --tap-token")

    def _add(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            if self._closed:
                subscription.close()

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(other for other in self._subscriptions if other is not subscription)


def _denied(reason: str) -> WireError:
    return WireError(grpc.StatusCode.PERMISSION_DENIED, TOKEN_KEY, reason)
