"""Both ports of a monitor, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from keyhole.service.lifecycle import Stop
from keyhole.service.metrics import Metrics
from keyhole.v1.referee_pb2_grpc import RefereeStub
from keyhole.wire.channels import connect
from keyhole.wire.server import serve
from monitor.exported_metrics import MonitorMetrics
from monitor.live_state import LiveState
from monitor.referee import Referee
from monitor.scoring import SecretScorer
from monitor.service import Broadcast, SubmitPort, TruthPort, registration
from monitor.store import RunStore
from tests.judge.making import Parrot
from tests.monitor.making import pixels


class Ports:
    """Both ports of a monitor over real sockets."""

    def __init__(self, tls: Path | None = None, store: RunStore | None = None) -> None:
        self.metrics, self.broadcast, self.stop = Metrics("monitor"), Broadcast(), Stop()
        self.live = LiveState()
        listeners = [*([store] if store else []), self.live, self.broadcast, MonitorMetrics(self.metrics)]
        self.referee = Referee(listeners, score_secrets=SecretScorer(Parrot(), lambda _: pixels()[None], least=1))
        both = (TruthPort(self.referee, self.broadcast, self.live.attended, self.stop), SubmitPort(self.referee))
        self.servers = [serve([registration(port)], "127.0.0.1:0", metrics=self.metrics, tls=tls) for port in both]
        self.tls = tls

    def channel(self, port: int, role: str | None = None) -> grpc.Channel:
        return connect(self.servers[port].address, tls=self.tls, role=role)

    @contextmanager
    def stubs(self, truth_role: str | None = None, submit_role: str | None = None) -> Iterator[tuple[Any, Any]]:
        with self.channel(0, truth_role) as left, self.channel(1, submit_role) as right:
            yield RefereeStub(left), RefereeStub(right)

    def close(self) -> None:
        self.stop.set()
        for server in self.servers:
            server.stop(0.2)
