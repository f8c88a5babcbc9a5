"""Services in threads of the test's own process: quicker to start than processes, over real sockets all the same."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cloud.process import cloud
from cloud.settings import CloudSettings
from edge.oracle import oracle
from edge.settings import OracleSettings
from keyhole.service.address import free_port
from keyhole.service.lifecycle import Stop
from keyhole.wire.channel import wait_ready

TINY = "tests.system.tiny_target:tiny"
CUT = "block.first"  # two tensors are live there


@contextmanager
def running(body: Callable[[Any, Stop], None], settings: Any, role: str = "edge") -> Iterator[Any]:
    """Run a service's body until the block ends."""
    stop = Stop()
    thread = threading.Thread(target=body, args=(settings, stop), daemon=True)
    thread.start()
    try:
        wait_ready(settings.listen, 60, tls=settings.tls, role=role)
        yield settings
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "the service did not end"


def running_cloud(**settings: Any):
    """A cloud with the tiny model, on free ports."""
    return running(cloud, CloudSettings(**_with_defaults(settings)))


def running_oracle(**settings: Any):
    """An oracle with the tiny model, on free ports."""
    return running(oracle, OracleSettings(**_with_defaults(settings)))


def metrics_page(settings: Any) -> str:
    """What Prometheus would read."""
    with urllib.request.urlopen(f"http://{settings.metrics}/metrics", timeout=10) as page:
        return page.read().decode()


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("listen", "metrics")}
    return {"target": TINY, "cut": CUT, **ports, **settings}
