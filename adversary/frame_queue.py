"""Queues of frames that wait to be attacked: one for each attack, and the frame or clip that slow attacks share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container
from typing import Generic, TypeVar

from keyhole.attacks.base import Observation

Item = TypeVar("Item")
Frames = tuple[Observation, ...]
"""What is attacked at once: one frame, or those of a clip in their order."""


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


class SharedFrames:
    """The frame that slow attacks work on together, or the clip.

    Each begins with the newest when it is free, and they are free at different times. Left to themselves they would
    never show the same picture, and nobody could compare them. So one that is free takes what others have begun with,
    unless it has attacked that. A clip goes by the id of its first frame. Safe for several threads.

    Args:
        changed: called with what becomes the common one.
    """

    def __init__(self, changed: Callable[[Frames], object] = lambda _: None) -> None:
        self._common: Frames | None = None
        self._changed = changed
        self._lock = threading.Lock()

    @property
    def common(self) -> Frames | None:
        """What they work on; None before the first."""
        with self._lock:
            return self._common

    def share(self, frames: Frames) -> None:
        """Make it the common one."""
        with self._lock:
            self._common = frames

    def settle(self, fresh: Frames, done: Container[str]) -> Frames:
        """What to attack: the common frame or clip, or ``fresh`` for an attack that is done with that.

        Args:
            fresh: the newest; it becomes the common one when it is taken.
            done: first ids of what this attack is done with.
        """
        with self._lock:
            if self._common is not None and self._common[0].frame_id not in done:
                return self._common
            self._common = fresh
        self._changed(fresh)
        return fresh
