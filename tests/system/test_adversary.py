"""An adversary that is killed and started again, as a user would start it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keyhole.service.address import Address
from tests.adversary.servers import TOKEN, Monitor, Tapped
from tests.system.frames import Edge, pictures
from tests.system.processes import process
from tests.system.running import CUT, TINY
from tests.waiting import wait_until

START = 180  # seconds that a process may take to start on a busy machine


def finished(monitor: Monitor) -> dict[str, str]:
    """Attack by frame, of the final pictures."""
    return {one.frame_id: one.attack for one in monitor.got if one.final}


@pytest.mark.timeout(600)
def test_it_takes_up_the_tap_again_after_it_was_killed(quiet_address: Callable[[], Address], tmp_path: Path) -> None:
    cloud, monitor = Tapped(), Monitor()
    at = {name: str(quiet_address()) for name in ("cloud", "referee")}
    (token := tmp_path / "token").write_text(TOKEN)
    flags = {**at, "target": TINY, "cut": CUT, "tap_token": token, "attacks": "pixels-white/paper", "device": "cpu"}
    servers = [one.serve(int(at[name].rpartition(":")[2])) for one, name in ((cloud, "cloud"), (monitor, "referee"))]
    victim = Edge()
    try:
        for number in (1, 2):
            with process("adversary", **flags, budget_seconds=1, interval=0.2) as adversary:
                wait_until(lambda number=number: cloud.subscribers == number)
                cloud.publish(victim.frame(pictures(1)[0], f"edge-{number}"))
                wait_until(lambda number=number: f"edge-{number}" in finished(monitor))
                adversary.kill()
    finally:
        cloud.end()
        for server in servers:
            server.stop(0)
    assert finished(monitor) == {"edge-1": "pixels-white-paper", "edge-2": "pixels-white-paper"}
