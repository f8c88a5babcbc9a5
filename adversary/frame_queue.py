"""Queues of frames that wait to be attacked: one for each attack, and the frame that slow attacks share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container
from typing import Generic, TypeVar

from keyhole.attacks.base import Observation

Item = TypeVar("Item")


class Backlog(Generic[Item]):
    """A stack that forgets its oldest entries. Safe for several threads.

    Args:
        size: entries kept.
        dropped: called for each entry that is lost.
    """

    def __init__(self, size: int, dropped: Callable[[], object] = lambda: None) -> None:
        if size < 1:
            raise ValueError(f"backlog of {size}: expected room for 1 or more")
        self._items: deque[Item] = deque(maxlen=size)
        self._on_drop = dropped
        self._closed = False
        self._changed = threading.Condition()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add the newest entry; the oldest goes if there is no room."""
        with self._changed:
            full = len(self._items) == self._items.maxlen
            self.dropped += full
            self._items.append(item)
            self._changed.notify()
        if full:
            self._on_drop()

    def take(self, most: int = 1) -> list[Item]:
        """The newest entries, newest first, waiting for one; none once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            count = 0 if self._closed else min(most, len(self._items))
            return [self._items.pop() for _ in range(count)]

    def put_back(self, item: Item) -> None:
        """Let the newest entry, which was taken, wait again; it goes if there is no room any more."""
        with self._changed:
            full = len(self._items) == self._items.maxlen
            self.dropped += full
            if not full:
                self._items.append(item)
                self._changed.notify()
        if full:
            self._on_drop()

    def close(self) -> None:
        """End all waiting; what still waits is not handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class SharedFrame:
    """The frame that slow attacks work on together.

    Each begins with the newest frame when it is free, and they are free at different times. Left to themselves they
    would never show the same picture, and nobody could compare them. So one that is free takes the frame that others
    have begun with, unless it has attacked that one. Safe for several threads.
    """

    def __init__(self) -> None:
        self._frame: Observation | None = None
        self._lock = threading.Lock()

    @property
    def frame(self) -> Observation | None:
        """The common frame; None before the first."""
        with self._lock:
            return self._frame

    def settle(self, fresh: Observation, done: Container[str]) -> Observation:
        """The frame to attack: the common one, or ``fresh`` for an attack that is done with that.

        Args:
            fresh: the newest frame; it becomes the common one when it is taken.
            done: ids of the frames that this attack is done with.
        """
        with self._lock:
            if self._frame is None or self._frame.frame_id in done:
                self._frame = fresh
            return self._frame
