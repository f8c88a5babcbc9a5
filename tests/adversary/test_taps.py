"""The cloud's tap, over a real socket."""

from __future__ import annotations

import queue
import threading

import pytest
import torch

from adversary.taps import CloudTap
from keyhole.service.errors import UsageError
from keyhole.service.lifecycle import Stop
from keyhole.wire.channels import Backoff, connect
from tests.adversary.servers import TOKEN, Tapped, frame
from tests.waiting import PATIENCE, wait_until

QUICK = Backoff(first=0.02, most=0.1)


class Listener:
    """Runs a tap on a thread and collects what it yields."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.stop, self.lost = Stop(), []
        self.frames: queue.Queue[str] = queue.Queue()
        self.tap = CloudTap(connect(f"127.0.0.1:{port}"), token, self.lost.append, QUICK)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        for one in self.tap.frames(self.stop):
            self.frames.put(one.header.frame_id)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the tap did not end"


def test_it_yields_the_frames_and_counts_what_the_cloud_lost():
    cloud = Tapped()
    server = cloud.serve()
    listener = Listener(server.port)
    cloud.publish(frame("a", torch.ones(1, 2)), lost=3)
    cloud.publish(frame("b", torch.ones(1, 2)), lost=5)
    assert [listener.frames.get(timeout=PATIENCE) for _ in range(2)] == ["a", "b"]
    assert sum(listener.lost) == 5
    listener.end()
    cloud.end()
    server.stop(0.1)


def hears(listener: Listener, cloud: Tapped, name: str) -> bool:
    """Publish a frame and see whether it arrives; one that was published while nobody listened is lost."""
    cloud.publish(frame(name, torch.ones(1, 2)))
    try:
        return listener.frames.get(timeout=1) == name
    except queue.Empty:
        return False


def test_it_comes_back_after_the_cloud_was_killed(quiet_address):
    cloud, port = Tapped(), quiet_address().port
    listener = Listener(port)  # before there is a cloud
    server = cloud.serve(port)
    wait_until(lambda: hears(listener, cloud, "before"))
    cloud.end()
    server.stop(0)
    again = cloud.serve(port)
    wait_until(lambda: hears(listener, cloud, "after"))
    listener.end()
    cloud.end()
    again.stop(0)


def test_a_wrong_token_is_an_error_of_usage():
    cloud = Tapped()
    server = cloud.serve()
    tap = CloudTap(connect(f"127.0.0.1:{server.port}"), "guess", backoff=QUICK)
    with pytest.raises(UsageError, match="wrong token"):
        next(iter(tap.frames(Stop())))
    server.stop(0)


def test_it_ends_while_nothing_comes(quiet_address):
    listener = Listener(quiet_address().port)
    listener.end()
