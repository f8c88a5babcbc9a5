from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyhole.v1.referee_pb2_grpc import RefereeStub
from keyhole.wire.channels import connect
from monitor.process import run
from monitor.settings import MonitorSettings
from tests.monitor.making import guess, outcome, truth
from tests.system.processes import ROOT, Process, process
from tests.waiting import PATIENCE


@contextmanager
def monitor(folder: Path) -> Iterator[tuple[Process, dict[str, Any], Any, Any]]:
    """A monitor on free ports: the process, its addresses, the edge's and the adversary's stubs."""
    free = dict.fromkeys(("truth", "submit", "page", "metrics"), "127.0.0.1:0")
    with process("monitor", run=folder, **free) as running:
        at = running.logged("ready", PATIENCE)
        with connect(at["truth"]) as left, connect(at["submit"]) as right:
            yield running, at, RefereeStub(left), RefereeStub(right)


def _rows(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "run.sqlite") as database:
        return database.execute("select frame_id, attack from scores order by id").fetchall()


def test_a_run_survives_kill_9_goes_on_and_ends_with_a_report(tmp_path: Path) -> None:
    with monitor(tmp_path) as (running, _, edge, adversary):
        for number in range(20):
            edge.Witness(truth(f"edge-0-{number}", scene=number))
            adversary.Submit(guess(f"edge-0-{number}", scene=number, final=True))
        running.kill()
    assert _rows(tmp_path) == [(f"edge-0-{number}", "pixels-white") for number in range(20)]
    assert len(list((tmp_path / "pictures").iterdir())) == 20

    with monitor(tmp_path) as (running, at, edge, adversary):
        adversary.Submit(guess("edge-0-7", "pixels-black", scene=7, final=True))  # its truth is from before the kill
        edge.Witness(truth("edge-0-20", scene=20))
        edge.Conclude(outcome("edge-0-20", network=0.05, total=0.08))
        with urllib.request.urlopen(f"http://{at['metrics']}/metrics", timeout=PATIENCE) as page:
            metrics = page.read().decode()
        running.terminate()
        assert running.drained() < 5
        assert running.wait() == 0
    assert 'keyhole_ssim_count{attack="pixels-black",rung=""} 1.0' in metrics
    assert 'keyhole_rpc_total{code="OK",method="/keyhole.v1.Referee/Submit"} 1.0' in metrics
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["frames_sent"], summary["frames_answered"], summary["frames_scored"]) == (21, 1, 20)
    assert {name: attack["n"] for name, attack in summary["attacks"].items()} == {"pixels-white": 20, "pixels-black": 1}
    assert f"{summary['attacks']['pixels-white']['ssim_mean']:.3f}" in (tmp_path / "report.html").read_text()


def test_what_was_acknowledged_when_it_was_killed_is_stored(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()

    def tell(stub: Any, edge: int) -> None:
        for number in itertools.count():
            name = f"edge-{edge}-{number}"
            try:
                stub.Witness(truth(name))
                stub.Conclude(outcome(name, total=0.1))
            except grpc.RpcError:
                return
            acknowledged.append(name)
            if len(acknowledged) >= 100:
                enough.set()

    with monitor(tmp_path) as (running, _, edge, _), ThreadPoolExecutor(8) as threads:
        for number in range(8):
            threads.submit(tell, edge, number)
        assert enough.wait(120)
        running.kill()
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        query = "select frame_id from frames where captured_at is not null and concluded_at is not null"
        stored = {name for (name,) in database.execute(query)}
    assert set(acknowledged) - stored == set()


SLOW = """
import sys, time
from functools import partial
from pathlib import Path
from keyhole.service import lifecycle
from monitor import process
from monitor.settings import MonitorSettings

def slow(*arguments):
    time.sleep(2)
    return write(*arguments)

write, process.write_report = process.write_report, slow
process.run_process = partial(lifecycle.run, drain=1.0)
free = dict.fromkeys(("truth", "submit", "metrics"), "127.0.0.1:0")
sys.exit(process.run(MonitorSettings(**free, page=None, run=Path(sys.argv[1]))))
"""


def test_a_report_may_take_longer_than_the_drain(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW, tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "ready" not in running.stderr.readline():
            assert running.poll() is None
        running.terminate()
        logged = running.stderr.read()
    assert running.returncode == 0, logged
    assert "ended by force" not in logged
    assert f"keyhole report {tmp_path}" in logged
    assert (tmp_path / "report.html").exists()


def test_pictures_of_others_are_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The monitor keeps the newest frames of its run and removes the others: in a folder of its own alone."""
    album = [tmp_path / "pictures" / f"{year}" / "beach.png" for year in range(2000, 2010)]
    for photo in album:
        photo.parent.mkdir(parents=True)
        photo.write_bytes(b"mine")
    free = dict.fromkeys(("truth", "submit", "metrics"), "127.0.0.1:0")
    assert run(MonitorSettings(**free, page=None, run=tmp_path, keep=1)) == 2
    assert "nothing in it is changed" in capfd.readouterr().err
    assert [photo.read_bytes() for photo in album] == [b"mine"] * 10
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        ({"truth": "nowhere"}, 2, "HOST:PORT"),
        ({"truth": "203.0.113.1:1"}, 2, "203.0.113.1:1"),
        ({"page": "203.0.113.1:1"}, 2, "--page"),
        ({"database": "nonsense"}, 2, "cannot open the run's database"),
        ({"tls": Path("/nowhere")}, 2, "keyhole certs"),
    ],
)
def test_what_is_wrong_is_told_by_message_and_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], wrong: dict[str, Any], code: int, told: str
) -> None:
    free = dict.fromkeys(("truth", "submit", "metrics"), "127.0.0.1:0")
    assert run(MonitorSettings(**{**free, "page": None, "run": tmp_path, **wrong})) == code
    logged = capfd.readouterr().err
    assert told in logged
    assert "Traceback" not in logged
