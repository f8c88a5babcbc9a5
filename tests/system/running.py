"""Services in threads of the test's own process: quicker to start than processes, over real sockets all the same."""

from __future__ import annotations

import dataclasses
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cloud.process import cloud
from cloud.settings import CloudSettings
from edge.oracle import oracle
from edge.settings import OracleSettings
from keyhole.service.address import published
from keyhole.service.lifecycle import Stop
from tests.waiting import PATIENCE

TINY = "tests.system.tiny_target:tiny"
CUT = "block.first"  # two tensors are live there


@contextmanager
def running(body: Callable[[Any, Stop], None], settings: Any) -> Iterator[Any]:
    """Run a service's body until the block ends; its settings, with the addresses that it took."""
    stop = Stop()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "addresses.json"
        settings = dataclasses.replace(settings, addresses=file)
        thread = threading.Thread(target=body, args=(settings, stop), daemon=True)
        thread.start()
        try:
            end = time.monotonic() + PATIENCE
            while (places := published(file)) is None:
                assert thread.is_alive(), "the service ended"
                assert time.monotonic() < end, "the service did not start"
                time.sleep(0.01)
            yield dataclasses.replace(settings, **places)
        finally:
            stop.set()
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the service did not end"


def running_cloud(**settings: Any):
    """A cloud with the tiny model, on free ports."""
    return running(cloud, CloudSettings(**_with_defaults(settings)))


def running_oracle(**settings: Any):
    """An oracle with the tiny model, on free ports."""
    return running(oracle, OracleSettings(**_with_defaults(settings)))


def metrics_page(settings: Any) -> str:
    """What Prometheus would read."""
    with urllib.request.urlopen(f"http://{settings.metrics}/metrics", timeout=PATIENCE) as page:
        return page.read().decode()


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    return {"target": TINY, "cut": CUT, "listen": "127.0.0.1:0", "metrics": "127.0.0.1:0", **settings}
