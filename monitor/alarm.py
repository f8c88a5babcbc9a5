"""The alarm: raised by what an attack shows that can be recognised."""

from __future__ import annotations

import threading

from monitor.snapshot import Attempt, LiveSnapshot


class Alarm:
    """A threshold of SSIM that the page can move; one for all who look.

    Args:
        threshold: SSIM from which a reconstruction is recognisable.
    """

    def __init__(self, threshold: float) -> None:
        self._lock = threading.Lock()
        self._threshold = threshold

    @property
    def threshold(self) -> float:
        """SSIM from which a reconstruction is recognisable."""
        with self._lock:
            return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        with self._lock:
            self._threshold = value

    def raised_by(self, snapshot: LiveSnapshot) -> list[Attempt]:
        """What is recognisable now, the most alike first.

        An attack raises the alarm with the picture it works on or, while that one is still below the threshold, with
        the last one it finished.
        """
        threshold = self.threshold
        raised: dict[str, Attempt] = {}
        for attempts in (snapshot.settled, snapshot.current):
            raised.update({name: attempt for name, attempt in attempts.items() if attempt.ssim >= threshold})
        return sorted(raised.values(), key=lambda attempt: -attempt.ssim)
