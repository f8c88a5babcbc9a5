"""Rates of edges that send at once."""

from __future__ import annotations

import threading
import time
from typing import cast

from benchmarks.edges import rate
from keyhole.wire.client import InferenceClient


def test_all_edges_count_and_send_at_once() -> None:
    seen: list[object] = []
    under_way: list[object] = []
    most = 0
    lock = threading.Lock()

    def send(client: InferenceClient) -> None:
        nonlocal most
        with lock:
            under_way.append(client)
            most = max(most, len(under_way))
        time.sleep(0.02)
        with lock:
            under_way.remove(client)
            seen.append(client)

    clients = [cast(InferenceClient, object()) for _ in range(4)]
    found = rate(clients, send, 0.4)
    assert set(seen) == set(clients)
    assert most == len(clients)
    assert 0 < found <= len(seen) / 0.4
