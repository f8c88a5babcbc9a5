"""Processes as the launcher sees them: where they listen, how they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from keyhole.service.launcher import Launcher, ProcessError, StoppedError
from keyhole.service.lifecycle import Stop
from tests.system.running import CUT, TINY
from tests.waiting import PATIENCE

CLOUD = ("cloud", "--listen", "127.0.0.1:0", "--target", TINY, "--cut", CUT)


STARTS = f"""
import sys, time
from pathlib import Path
from keyhole.service.launcher import Launcher

if __name__ == "__main__":
    launcher = Launcher(Path(sys.argv[1]))
    launcher.start("cloud", {CLOUD!r})
    launcher.wait_for("cloud")
    print(launcher.running["cloud"].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.timeout(600)
def test_a_process_says_where_it_listens_and_what_it_is(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        launcher.start("cloud", CLOUD)
        places = launcher.wait_for("cloud")
        assert all(int(places[flag].rpartition(":")[2]) for flag in ("listen", "metrics"))
        assert psutil.Process(launcher.running["cloud"].pid).name() == "keyhole cloud"
        launcher.end("cloud")
        assert launcher.code("cloud") == 0


@pytest.mark.timeout(600)
def test_it_stops_with_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS)
    starts = [sys.executable, str(tmp_path / "starts.py"), str(tmp_path)]
    with subprocess.Popen(starts, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as parent:
        assert parent.stdout
        cloud = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        psutil.wait_procs([cloud], PATIENCE)
    assert not cloud.is_running()
    assert "stopped" in (tmp_path / "cloud.log").read_text()


def test_one_that_is_stopped_before_it_began_has_not_failed(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        launcher.start("cloud", CLOUD)
        launcher.end("cloud")
        assert launcher.code("cloud") in (0, -signal.SIGTERM)


@pytest.mark.timeout(600)
def test_how_a_process_ended_is_told_and_its_log_goes_on_when_it_is_started_again(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        launcher.start("cloud", (*CLOUD[:-1], "nowhere"))
        with pytest.raises(ProcessError, match=r"cloud ended with exit code 2:\n.*nowhere"):
            launcher.wait_for("cloud")
        launcher.start("cloud", CLOUD)
        launcher.running["cloud"].kill()
        launcher.running["cloud"].wait()
        assert launcher.exit_report("cloud").startswith("cloud was killed by SIGKILL:\n")
        assert "nowhere" in launcher.tail("cloud")


def test_who_is_told_to_stop_waits_for_nobody(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with Launcher(tmp_path, stop) as launcher:
        launcher.start("cloud", CLOUD)
        with pytest.raises(StoppedError):
            launcher.wait_for("cloud")
