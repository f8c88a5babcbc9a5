"""The frame that slow attacks have in common."""

from __future__ import annotations

import threading
from collections.abc import Container

from keyhole.attacks.base import Observation


class Agenda:
    """What attacks that take their time work on. Each begins with the newest frame when it is free, and they are free
    at different times: left to themselves they would never show the same picture, and could not be compared. So one
    that is free takes the frame that others have begun with, unless it has been there. Safe for several threads.
    """

    def __init__(self) -> None:
        self._frame: Observation | None = None
        self._lock = threading.Lock()

    def settle(self, fresh: Observation, done: Container[str]) -> Observation:
        """What to attack.

        Args:
            fresh: the newest frame, which is taken, and becomes the common one, by whoever is done with that.
            done: ids of the frames that were attacked already.
        """
        with self._lock:
            if self._frame is None or self._frame.frame_id in done:
                self._frame = fresh
            return self._frame
