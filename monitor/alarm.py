"""The alarm: raised by an attack whose leak reaches a threshold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from keyhole.v1.referee_pb2 import Truth
from monitor.alarm_threshold import AlarmThreshold, unjudged_threshold
from monitor.scoring import Listener
from monitor.snapshot import LiveSnapshot


class Alarm:
    """A threshold that the page can move; one for all who look.

    Args:
        threshold: at first.
    """

    def __init__(self, threshold: AlarmThreshold) -> None:
        self._lock = threading.Lock()
        self._threshold = threshold

    @property
    def threshold(self) -> AlarmThreshold:
        """The present one."""
        with self._lock:
            return self._threshold

    def move(self, value: float) -> None:
        """Set it to another value, as somebody who looks wants it."""
        with self._lock:
            self._threshold = replace(self._threshold, value=value, origin="set on this page", chosen=True)

    def unjudge(self, why: str) -> AlarmThreshold:
        """Take the threshold for pictures that no judge can be asked about, unless somebody has set another."""
        with self._lock:
            if not self._threshold.chosen:
                self._threshold = unjudged_threshold(why)
            return self._threshold

    def raised_by(self, snapshot: LiveSnapshot) -> list[str]:
        """Attacks whose leak over their newest finished frames reaches the threshold, the largest first.

        One picture is no alarm's matter: how well one is met is chance, and so is how well a blind one does.
        """
        threshold = self.threshold
        raised = [name for name, leak in snapshot.leaks.items() if threshold.reached(leak)]
        return sorted(raised, key=lambda name: -threshold.level(snapshot.leaks[name]))


class SecretsWatch(Listener):
    """Takes the judge's threshold back where the first truth has no secrets that a judge could be asked about.

    Args:
        alarm: has that threshold.
        stored: is told the one that holds from then on.
    """

    def __init__(self, alarm: Alarm, stored: Callable[[AlarmThreshold], object]) -> None:
        self._alarm = alarm
        self._stored = stored
        self._seen = False

    def witnessed(self, truth: Truth) -> None:
        if not self._seen:
            self._seen = True
            if not truth.HasField("secrets"):
                self._stored(self._alarm.unjudge("nobody knows the secrets of these pictures, to ask a judge about"))
