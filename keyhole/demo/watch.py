"""Follow a run through the monitor's ``Watch`` call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import grpc

from keyhole.v1 import referee_pb2, referee_pb2_grpc


@dataclass
class Progress:
    """Counts of a run so far; written by one thread, read by another.

    Attributes:
        sent: frames whose truth the monitor has.
        finished: frames that were answered or dropped.
        latest: attack, and its rung where it is a ladder → SSIM of its newest score.
    """

    sent: int = 0
    finished: int = 0
    latest: dict[str, float] = field(default_factory=dict)

    def count(self, event: referee_pb2.Event) -> None:
        """Take one event in."""
        kind = event.WhichOneof("event")
        if kind == "truth":
            self.sent += 1
        elif kind == "outcome":
            self.finished += 1
        elif kind == "score":
            self.latest[f"{event.score.attack} {event.score.rung}".rstrip()] = event.score.ssim

    def __str__(self) -> str:
        scores = "  ".join(f"{attack} SSIM {ssim:.2f}" for attack, ssim in sorted(self.latest.items()))
        return scores or "waiting for the first reconstruction"


def watch(channel: grpc.Channel, progress: Progress) -> Callable[[], object]:
    """Count the monitor's events into ``progress`` on a thread of its own, until the returned function is called."""
    events = referee_pb2_grpc.RefereeStub(channel).Watch(referee_pb2.WatchRequest())

    def follow() -> None:
        try:
            for event in events:
                progress.count(event)
        except grpc.RpcError:
            return

    threading.Thread(target=follow, name="watch", daemon=True).start()
    return cast("Callable[[], object]", events.cancel)
